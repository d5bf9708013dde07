"""Meters: FFmpeg's lines become the same measurements however the pipe cuts them."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supervisor.events import LevelsMeasured
from supervisor.meters import FLOOR_DB, Measurement, Meters, levels
from tests.unit.takes import RATE, Take, ffmpeg_program, record

FRAME = 4_800


def _fed(pieces: list[bytes]) -> list[Measurement]:
    meters = Meters(RATE)
    return [found for piece in pieces for found in meters.feed(piece, woken_s=0.0, arrival_s=0.0)]


def test_every_100_ms_are_measured(take: Take) -> None:
    """A run gives ten measurements a second, each ending where its samples end, in order and without a hole."""
    found = _fed([take.meters])
    ends = [measured.end_sample for measured in found]
    assert ends == list(range(FRAME, len(take.pcm), FRAME))


def test_levels_are_those_of_the_programme(take: Take) -> None:
    """Peak and RMS of both channels agree with the captured samples."""
    for measured in _fed([take.meters]):
        samples = take.pcm[measured.end_sample - FRAME : measured.end_sample] / 2.0**31
        peak_db = 20 * np.log10(np.abs(samples).max(axis=0))
        rms_db = 10 * np.log10((samples**2).mean(axis=0))
        assert measured.peak_db == pytest.approx(peak_db.tolist(), abs=0.01)
        assert measured.rms_db == pytest.approx(rms_db.tolist(), abs=0.01)


def test_loudness_comes_with_the_levels(take: Take) -> None:
    """After the 3 s of a short-term measurement the loudness of loud noise is plausible."""
    found = _fed([take.meters])
    assert all(FLOOR_DB <= measured.lufs < 0 for measured in found)
    if len(found) > 40:
        assert -20 < found[40].lufs < -5


@settings(max_examples=50)
@given(data=st.data())
def test_the_cuts_of_the_pipe_do_not_matter(short_take: Take, data: st.DataObject) -> None:
    """The same bytes in any pieces give the same measurements."""
    meters = short_take.meters
    cuts = sorted(data.draw(st.lists(st.integers(0, len(meters)), max_size=20)))
    pieces = [meters[begin:end] for begin, end in pairwise([0, *cuts, len(meters)])]
    assert _fed(pieces) == _fed([meters])


def test_byte_by_byte_is_as_good(short_take: Take) -> None:
    """Even single bytes give the same measurements."""
    meters = short_take.meters
    assert _fed([meters[at : at + 1] for at in range(len(meters))]) == _fed([meters])


def test_a_measurement_arrives_when_its_own_line_did() -> None:
    """The arrival is that of the frame itself, not of the next one by which its end is known."""
    meters = Meters(RATE)
    assert meters.feed(b"frame:0    pts:0       pts_time:0\nlavfi.r128.S=-23.5\n", 10.0, 10.0) == []
    (measured,) = meters.feed(b"frame:1    pts:4800    pts_time:0.1\n", 10.1, 10.1)
    assert measured == Measurement(0, 4_800, 0.0, 10.0, (), (), -23.5)


def test_a_device_s_time_is_told() -> None:
    """The time of a frame is the source's own, in seconds; its place is counted, whatever that time does."""
    ticks = round(1_795_470_000.25 * RATE)
    lines = [f"frame:{n} pts:{ticks + n * 4_801} pts_time:1795470000\n".encode() for n in range(3)]
    first, second = Meters(RATE).feed(b"".join(lines), 10.0, 10.0)
    assert (first.first_sample, first.end_sample, first.source_s) == (0, 4_800, 1_795_470_000.25)
    assert (second.first_sample, second.end_sample) == (4_800, 9_600)
    assert second.source_s == pytest.approx(1_795_470_000.25 + 4_801 / RATE, abs=1e-6)


def test_of_frames_that_are_read_together_the_first_came_first() -> None:
    """When several frames are read at once, the first one came when the pipe woke the reader, the others later."""
    frames = [f"frame:{n} pts:{n * 4800} pts_time:{n / 10}\nlavfi.r128.S=-23.5\n".encode() for n in range(5)]
    found = Meters(RATE).feed(b"".join(frames), woken_s=10.0, arrival_s=10.45)
    assert [(measured.end_sample, measured.arrival_s) for measured in found] == [
        *((4_800, 10.0), (9_600, 10.45)),
        *((14_400, 10.45), (19_200, 10.45)),
    ]


@pytest.mark.parametrize("cut", [1, 6, 20, 33])
def test_a_frame_that_is_not_read_from_its_beginning_came_late(cut: int) -> None:
    """Where the reader was woken by what belongs to the frame before, the next one gets the later time."""
    line = b"frame:1    pts:4800    pts_time:0.1\n"
    for first, second in (
        (b"frame:0 pts:0 pts_time:0\n", b"lavfi.r128.S=-23.5\n" + line),
        (b"frame:0 pts:0 pts_time:0\nlavfi.r128.S=-23.5\n" + line[:cut], line[cut:]),
    ):
        meters = Meters(RATE)
        assert meters.feed(first, 9.9, 9.9) == []
        assert [measured.arrival_s for measured in meters.feed(second, 10.0, 10.4)] == [9.9]
        (measured,) = meters.feed(b"frame:2 pts:9600 pts_time:0.2\n", 10.5, 10.5)
        assert measured.arrival_s == 10.4


@settings(max_examples=50)
@given(gather_s=st.floats(0, 2), first_s=st.floats(0, 1e6))
def test_no_arrival_is_early(short_take: Take, gather_s: float, first_s: float) -> None:
    """However long the reader gathers lines, no frame counts as arrived before its own line was written."""
    lines = re.split(rb"(?=frame:)", short_take.meters)[1:]
    written_s = [first_s + 0.1 * number for number in range(len(lines))]
    meters = Meters(RATE)
    found: list[Measurement] = []
    while lines:
        woken_s = written_s[0]
        count = sum(at_s <= woken_s + gather_s for at_s in written_s)
        found += meters.feed(b"".join(lines[:count]), woken_s, woken_s + gather_s)
        lines, written_s = lines[count:], written_s[count:]
    for number, measured in enumerate(found):
        own_line_s = first_s + 0.1 * number
        assert own_line_s - 1e-9 <= measured.arrival_s <= own_line_s + gather_s + 1e-9


def test_several_measurements_are_shown_as_one() -> None:
    """What is shown is the highest peak of each channel, so that none is missed, and the last of the rest."""
    quiet = Measurement(0, 4_800, 0.0, 0.0, (-30.0, -31.0), (-40.0, -41.0), -20.0)
    loud_left = Measurement(4_800, 9_600, 0.1, 0.1, (-3.0, -50.0), (-42.0, -43.0), -21.0)
    assert levels([quiet, loud_left]) == LevelsMeasured((-3.0, -31.0), (-42.0, -43.0), -21.0, span_s=0.2)
    assert levels([quiet]) == LevelsMeasured((-30.0, -31.0), (-40.0, -41.0), -20.0, span_s=0.1)


def test_values_do_not_leak_into_the_next_frame() -> None:
    """What a frame does not tell is not taken from the one before."""
    meters = Meters(RATE)
    meters.feed(b"frame:0 pts:0 pts_time:0\nlavfi.astats.1.Peak_level=-1.0\nlavfi.r128.S=-23.5\n", 0.0, 0.0)
    (first,) = meters.feed(b"frame:1 pts:4800 pts_time:0.1\n", 0.1, 0.1)
    (second,) = meters.feed(b"frame:2 pts:9600 pts_time:0.2\n", 0.2, 0.2)
    assert (first.peak_db, first.lufs) == ((-1.0,), -23.5)
    assert (second.peak_db, second.lufs) == ((), FLOOR_DB)


@pytest.mark.parametrize("silence", ["-inf", "nan", "-1000.5"])
def test_silence_has_a_floor(silence: str) -> None:
    """Digital silence is the quietest step of 24 bits, never an infinity that JSON cannot hold."""
    meters = Meters(RATE)
    lines = f"frame:0 pts:0 pts_time:0\nlavfi.astats.1.Peak_level={silence}\nlavfi.astats.1.RMS_level={silence}\n"
    meters.feed(lines.encode(), 0.0, 0.0)
    (measured,) = meters.feed(b"frame:1 pts:4800 pts_time:0.1\n", 0.1, 0.1)
    assert (measured.peak_db, measured.rms_db) == ((-144.0,), (-144.0,))


def test_real_silence_has_a_floor(ffmpeg: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What FFmpeg says of a silent programme is the floor in every figure."""
    silent = record(ffmpeg, np.zeros((RATE // 2, 2), np.int32), 1, tmp_path_factory.mktemp("silence"))
    found = _fed([silent.meters])
    assert found
    for measured in found:
        assert measured.peak_db == measured.rms_db == (FLOOR_DB, FLOOR_DB)
        assert FLOOR_DB <= measured.lufs < -100


def test_channels_stay_apart(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Left is first and right is second."""
    pcm = np.zeros((RATE // 2, 2), np.int32)
    pcm[::2, 0], pcm[1::2, 0] = 2**30, -(2**30)
    one_sided = record(ffmpeg_program("system"), pcm, 1, tmp_path_factory.mktemp("left"))
    for measured in _fed([one_sided.meters]):
        assert measured.peak_db == pytest.approx((-6.02, FLOOR_DB), abs=0.01)
        assert measured.rms_db == pytest.approx((-6.02, FLOOR_DB), abs=0.01)
