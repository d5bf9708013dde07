"""The timeline: when samples were captured, and what a run lost inside itself, from times that are a little wrong."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.timeline import Jump, Timeline

RATE = 48_000
BLOCK = 4_800  # ten a second
ORIGIN_S = 1_000.25


def _told(
    blocks: Iterable[int], *, lost: int = 0, ppm: float = 0.0, noise_s: float = 0.0, seed: int = 1
) -> list[tuple[int, float]]:
    """Pairs as a device gives them for these blocks: ``lost`` samples had gone by before, each time a little wrong."""
    wrong = np.random.default_rng(seed)
    return [
        (n * BLOCK, ORIGIN_S + (n * BLOCK + lost) / RATE * (1 + ppm / 1e6) + wrong.uniform(-noise_s, noise_s))
        for n in blocks
    ]


def _fed(timeline: Timeline, pairs: list[tuple[int, float]]) -> list[Jump]:
    """Feeds pairs as they come, five at a time; what was found lost."""
    found = [timeline.measured(pairs[at : at + 5]) for at in range(0, len(pairs), 5)]
    return [jump for jump in found if jump is not None]


def test_without_a_measurement_nothing_is_known() -> None:
    """Before the first measurement there is no origin to be wrong about, and an overrun says nothing."""
    timeline = Timeline(RATE)
    timeline.overrun()
    assert timeline.measured([]) is None
    assert (timeline.origin_s, timeline.drift_ppm) == (None, None)


def test_the_first_measurement_is_counted_back() -> None:
    """The origin is the time of a sample less the time that the samples before it took."""
    timeline = Timeline(RATE)
    assert timeline.measured([(2 * RATE, 1002.25)]) is None
    assert timeline.origin_s == pytest.approx(1000.25)


@given(
    wrong_s=st.lists(st.floats(-1, 1), min_size=0, max_size=100),
    noise_s=st.floats(0, 0.02),
    seed=st.integers(0, 1000),
)
def test_a_few_wrong_times_do_no_harm(wrong_s: list[float], noise_s: float, seed: int) -> None:
    """However wrong a third of the times is, the origin is within the others' noise, and nothing counts as lost."""
    timeline = Timeline(RATE)
    pairs = _told(range(300), noise_s=noise_s, seed=seed)
    for at, error_s in zip(range(2, 300, 3), wrong_s, strict=False):
        pairs[at] = (pairs[at][0], pairs[at][1] + error_s)
    assert _fed(timeline, pairs) == []
    assert timeline.origin_s == pytest.approx(ORIGIN_S, abs=noise_s + 1e-6)


@pytest.mark.parametrize("ppm", [-200, -50, 0, 50, 200])
def test_it_follows_the_drift_of_the_sound_card(ppm: float) -> None:
    """After hours of drift a sample's time is right within 5 ms, the drift is known, and nothing counts as lost."""
    timeline = Timeline(RATE)
    last = 4 * 36_000
    assert _fed(timeline, _told(range(last), ppm=ppm, noise_s=0.01)) == []
    assert timeline.origin_s is not None
    captured_s = ORIGIN_S + last * BLOCK / RATE * (1 + ppm / 1e6)
    assert timeline.origin_s + last * BLOCK / RATE == pytest.approx(captured_s, abs=0.005)
    # a device that takes longer for its samples has the slower clock
    assert timeline.drift_ppm == pytest.approx(-ppm, abs=1.5)


def test_drift_is_not_told_too_early() -> None:
    """In the first minutes noise is larger than any drift, so nothing is said."""
    timeline = Timeline(RATE)
    _fed(timeline, _told(range(2_000), noise_s=0.01))
    assert timeline.drift_ppm is None


@given(lost=st.integers(400, 40_000), seed=st.integers(0, 1000))
def test_an_announced_loss_is_measured(lost: int, seed: int) -> None:
    """What an overrun lost is known 3 s later, within 2 ms at 10 ms of noise; until then the old times hold."""
    timeline = Timeline(RATE)
    _fed(timeline, _told(range(600), noise_s=0.003, seed=seed))
    before_s = timeline.origin_s
    timeline.overrun()
    assert _fed(timeline, _told(range(600, 620), lost=lost, noise_s=0.003, seed=seed)) == []
    assert timeline.origin_s == before_s
    (jump,) = _fed(timeline, _told(range(620, 640), lost=lost, noise_s=0.003, seed=seed + 1))
    assert jump.at_sample == 599 * BLOCK
    assert jump.samples == pytest.approx(lost, abs=200)
    assert _fed(timeline, _told(range(640, 1200), lost=lost, noise_s=0.003, seed=seed + 2)) == []


def test_an_announced_loss_of_nothing_is_no_loss() -> None:
    """An overrun after which the times are what they were has cost no sample."""
    timeline = Timeline(RATE)
    _fed(timeline, _told(range(600)))
    timeline.overrun()
    assert _fed(timeline, _told(range(600, 900))) == []
    assert timeline.origin_s == pytest.approx(ORIGIN_S)


def test_several_overruns_are_one_loss() -> None:
    """Overruns that follow each other before the first is measured are measured together, once."""
    timeline = Timeline(RATE)
    _fed(timeline, _told(range(600)))
    found = []
    for number in range(4):
        timeline.overrun()
        found += _fed(timeline, _told(range(600 + 10 * number, 610 + 10 * number), lost=1_000 * (number + 1)))
    found += _fed(timeline, _told(range(640, 700), lost=4_000))
    assert [jump.samples for jump in found] == [4_000]


@given(lost=st.integers(3_000, 10**7), seed=st.integers(0, 1000))
def test_a_loss_that_nobody_announced_is_found(lost: int, seed: int) -> None:
    """A device that silently leaves out more than 50 ms, or a machine that slept, is found out, once."""
    timeline = Timeline(RATE)
    _fed(timeline, _told(range(600), noise_s=0.003, seed=seed))
    (jump,) = _fed(timeline, _told(range(600, 1200), lost=lost, noise_s=0.003, seed=seed))
    assert jump.samples == pytest.approx(lost, abs=200)
    assert 590 * BLOCK <= jump.at_sample <= 630 * BLOCK


@given(grown_s=st.floats(-0.03, 0.03))
def test_a_buffer_that_grows_is_no_loss(grown_s: float) -> None:
    """Times that shift a little and stay there are followed, not counted."""
    timeline = Timeline(RATE)
    _fed(timeline, _told(range(600)))
    shifted = [(sample, at_s + grown_s) for sample, at_s in _told(range(600, 1200))]
    assert _fed(timeline, shifted) == []
    assert timeline.origin_s == pytest.approx(ORIGIN_S + grown_s, abs=0.001)


def test_times_that_were_too_late_before_are_mended() -> None:
    """When times turn out earlier than was thought, the origin follows, and nothing is lost by it."""
    timeline = Timeline(RATE)
    _fed(timeline, [(sample, at_s + 0.5) for sample, at_s in _told(range(600))])
    assert _fed(timeline, _told(range(600, 700))) == []
    assert timeline.origin_s == pytest.approx(ORIGIN_S)
