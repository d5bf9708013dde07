"""When FFmpeg is started again: at once where that may help, never in a spin, and soon for a device that is back."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from supervisor.backoff import Backoff
from supervisor.events import Cause
from supervisor.restarts import HEALTHY_AFTER_S, Restarts

MOST_S = 30.0

lives = st.one_of(st.just(0.0), st.floats(0, HEALTHY_AFTER_S, exclude_max=True), st.floats(HEALTHY_AFTER_S, 10**7))
ends = st.lists(st.tuples(lives, st.sampled_from([Cause.RESTART, Cause.DEVICE_LOST, Cause.SPOOL_FULL])), max_size=40)


def _pauses(ended: list[tuple[float, Cause]], backoff: Backoff) -> list[float]:
    restarts, pauses = Restarts(), list[float]()
    for lived_s, cause in ended:
        restarts = restarts.after(lived_s)
        pauses.append(restarts.pause_s(cause, backoff))
    return pauses


@given(ends, st.randoms())
def test_children_never_spin(ended: list[tuple[float, Cause]], random: Random) -> None:
    """Whatever children end of: of three that die soon in a row, the last is followed by a pause worth the name."""
    pauses = _pauses(ended, Backoff(0.5, MOST_S, random=random))
    for n in range(2, len(ended)):
        if all(lived_s < HEALTHY_AFTER_S for lived_s, _ in ended[n - 2 : n + 1]):
            assert pauses[n] >= 0.25
    assert all(0 <= pause_s <= MOST_S for pause_s in pauses)


@given(ends, st.randoms())
def test_a_device_is_never_waited_for_long(ended: list[tuple[float, Cause]], random: Random) -> None:
    """However often it was looked for: a device that comes back is found within 2 s."""
    pauses = _pauses(ended, Backoff(0.5, MOST_S, random=random))
    assert all(pause_s <= 2.0 for pause_s, (_, cause) in zip(pauses, ended, strict=True) if cause is Cause.DEVICE_LOST)


@given(ends, st.sampled_from([Cause.RESTART, Cause.SPOOL_FULL]), st.floats(0, HEALTHY_AFTER_S, exclude_max=True))
def test_a_child_that_cannot_live_is_tried_every_30_s(
    ended: list[tuple[float, Cause]], cause: Cause, lived_s: float
) -> None:
    """Whatever came before: after nine deaths in a row the pause is 30 s, and stays so; before, it only grows."""
    pauses = _pauses(ended + [(lived_s, cause)] * 12, Backoff(0.5, MOST_S, jitter=0))[-12:]
    assert pauses == sorted(pauses)
    assert pauses[8:] == [MOST_S] * 4


@given(ends)
def test_a_child_that_lived_is_replaced_at_once(ended: list[tuple[float, Cause]]) -> None:
    """Half a minute of life wipes out all that was before: the next two are begun without a pause."""
    ends = [*ended, (HEALTHY_AFTER_S, Cause.RESTART), (0.0, Cause.RESTART), (0.0, Cause.RESTART)]
    assert _pauses(ends, Backoff(0.5, MOST_S, jitter=0))[-3:] == [0, 0, 0.5]
