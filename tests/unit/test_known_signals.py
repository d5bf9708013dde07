"""Known signals through the real meters: loudness, levels, clipping and silence are what a hand can compute."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.meters import meters
from ffmpeg_profiles.profile import Source
from supervisor.alarms import Watched, judged
from supervisor.events import AlarmRaised
from supervisor.meters import Measurement, Meters, levels
from supervisor.state import State
from supervisor.status import Setup, Snapshot, reduce
from tests.rig.audio import Pcm, write_wav
from tests.unit.made import RATE, START

FULL_SCALE = 2**23 - 1
SHOWN_EVERY = 5
"""Measurements that make one picture of the levels: half a second."""

Measure = Callable[[Pcm], list[Measurement]]


@pytest.fixture
def measure(ffmpeg: str, tmp_path: Path) -> Measure:
    """The real meters' profile on a file, read as fast as the machine can."""

    def measured(pcm: Pcm) -> list[Measurement]:
        write_wav(tmp_path / "signal.wav", pcm)
        heard: list[bytes] = []
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as pipe:
            reader = Thread(target=lambda: heard.append(pipe.read()))
            reader.start()
            try:
                command = compile_command(ffmpeg, Source(str(tmp_path / "signal.wav"), {}), [meters(writing)])
                subprocess.run(
                    command, stdin=subprocess.DEVNULL, capture_output=True, timeout=50, check=True, pass_fds=(writing,)
                )
            finally:
                os.close(writing)
                reader.join()
        return Meters(RATE).feed(heard[0], 0.0, 0.0)

    return measured


def _sine(seconds: float, *levels_db: float, hertz: float = 1_000.0) -> Pcm:
    """A sine of a peak level for each channel, in phase, as 24 bits in 32."""
    wave = np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)
    amplitudes = np.array([10 ** (level_db / 20) for level_db in levels_db])
    samples: Pcm = np.round(wave[:, None] * amplitudes * FULL_SCALE).astype(np.int32)
    return samples << 8


def _stereo(*steps: tuple[float, float]) -> Pcm:
    """Sines of 1 kHz one after another: seconds, and the level of both channels; -inf is digital silence."""
    return np.concatenate([_sine(seconds, level_db, level_db) for seconds, level_db in steps])


def _shown(found: Sequence[Measurement], setup: Setup | None = None) -> list[Snapshot]:
    """The snapshot after each half second."""
    snapshot = Snapshot(since=START, started_at=START, updated_at=START, station="radio", pid=1, state=State.ON_AIR)
    snapshots = [snapshot.model_copy(update={"setup": setup or Setup()})]
    for first in range(0, len(found) - SHOWN_EVERY + 1, SHOWN_EVERY):
        snapshots.append(reduce(snapshots[-1], levels(found[first : first + SHOWN_EVERY]), START))
    return snapshots[1:]


@pytest.mark.parametrize("level_db", [-23.0, -33.0])
def test_a_tone_has_its_loudness(measure: Measure, level_db: float) -> None:
    """EBU Tech 3341, cases 1 and 2: a stereo sine at -23 dBFS is -23.0 LUFS, at -33 dBFS -33.0, within 0.1 LU."""
    shown = _shown(measure(_stereo((20.0, level_db))))
    settled = [snapshot.levels.lufs for snapshot in shown[7:]]
    assert len(settled) > 30
    assert settled == [pytest.approx(level_db, abs=0.1)] * len(settled)


def test_steps_within_three_seconds_are_one_loudness(measure: Measure) -> None:
    """EBU Tech 3341, case 9: 1.34 s at -20 dBFS and 1.66 s at -30 dBFS in turn are -23.0 LUFS from 3 s on."""
    shown = _shown(measure(_stereo(*[(1.34, -20.0), (1.66, -30.0)] * 5)))
    settled = [snapshot.levels.lufs for snapshot in shown[7:]]
    assert len(settled) > 20
    assert settled == [pytest.approx(-23.0, abs=0.1)] * len(settled)


@pytest.mark.parametrize("step", [0, 1, 7, 13, 19])
def test_three_seconds_are_enough(measure: Measure, step: int) -> None:
    """EBU Tech 3341, case 10: 3 s at -23 dBFS, beginning at a multiple of 0.15 s, reach -23.0 LUFS."""
    lead_in = [(0.15 * step, -np.inf)] if step else []
    found = measure(_stereo(*lead_in, (3.0, -23.0), (1.0, -np.inf)))
    assert max(measured.lufs for measured in found) == pytest.approx(-23.0, abs=0.1)


def test_each_channel_has_its_own_levels(measure: Measure) -> None:
    """Left and right are told apart: peak and RMS of each are the sine's, within 0.1 dB."""
    for left_db, right_db in ((-12.0, -20.0), (-40.0, -3.0)):
        for snapshot in _shown(measure(_sine(2.0, left_db, right_db, hertz=440.0))):
            assert snapshot.levels.peak_db == pytest.approx((left_db, right_db), abs=0.1)
            assert snapshot.levels.rms_db == pytest.approx((left_db - 3.01, right_db - 3.01), abs=0.1)


def test_a_signal_that_is_cut_off_counts(measure: Measure) -> None:
    """A sine 3 dB too loud for its converter counts a clip in each half second, a sine at -0.1 dBFS none."""
    too_loud = np.round((_sine(5.0, 0.0, 0.0) >> 8) * 1.41)
    clipped = np.clip(too_loud, -FULL_SCALE - 1, FULL_SCALE).astype(np.int32)
    shown = _shown(measure(clipped << 8))
    assert [snapshot.levels.clips for snapshot in shown] == list(range(1, len(shown) + 1))
    assert _shown(measure(_sine(5.0, -0.1, -0.1)))[-1].levels.clips == 0


def test_one_channel_at_full_scale_is_enough(measure: Measure) -> None:
    """A single sample at full scale, of either sign, on either channel, is a clip."""
    for channel in (0, 1):
        for sample in (FULL_SCALE, -FULL_SCALE - 1):
            pcm = _sine(2.0, -20.0, -20.0)
            pcm[RATE, channel] = sample << 8
            assert _shown(measure(pcm))[-1].levels.clips == 1


def _silences(found: Sequence[Measurement], silence_s: float) -> list[tuple[float, str]]:
    """When the alarm begins and ends, in seconds of the signal; looked at after each half second."""
    watched, told = Watched(), []
    for number, snapshot in enumerate(_shown(found, Setup(silence_db=-60.0, silence_s=silence_s)), 1):
        at_s = number / 2
        watched, events = judged(watched, snapshot.model_copy(update={"uptime_s": at_s}))
        told += [(at_s, "begins" if isinstance(event, AlarmRaised) else "ends") for event in events]
    return told


def test_silence_begins_and_ends_on_time(measure: Measure) -> None:
    """Just below RADIO_SILENCE_DB is silent: an alarm after RADIO_SILENCE_SECONDS, over after 2 s just above it."""
    found = measure(_stereo((5.0, -20.0), (12.0, -60.3), (5.0, -59.7), (3.0, -20.0)))
    assert _silences(found, silence_s=10.0) == [(15.0, "begins"), (19.5, "ends")]


def test_what_is_just_above_the_limit_is_no_silence(measure: Measure) -> None:
    """A programme whose peaks are just above RADIO_SILENCE_DB is heard, on one channel too, however long."""
    assert _silences(measure(_sine(20.0, -59.7, -80.0)), silence_s=10.0) == []
    assert _silences(measure(_stereo((20.0, -60.3))), silence_s=20.5) == []
