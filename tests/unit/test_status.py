"""Status: one snapshot of what happened, made from events alone."""

from __future__ import annotations

import json
import math
import re
import threading
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from supervisor.clock import SystemClock
from supervisor.events import (
    AlarmCleared,
    AlarmRaised,
    ArchiveFailed,
    CaptureEnded,
    CaptureStarted,
    Cause,
    ClockChecked,
    Event,
    FFmpegSaid,
    LevelsMeasured,
    ListenerLooked,
    Logged,
    MissingFrom,
    OffAir,
    OnlookerFailed,
    Overrun,
    RecordingDamaged,
    SamplesLost,
    SegmentArchived,
    SegmentDropped,
    SegmentExpired,
    SegmentPublished,
    SegmentRefused,
    SegmentSealed,
    Severity,
    SpoolFailed,
    SpoolOverflowed,
    Stopping,
    StoreFailed,
    StoreRecovered,
)
from supervisor.names import SegmentId
from supervisor.state import State
from supervisor.status import Snapshot, StatusBoard, reduce
from tests.unit.made import RUN, sealed_segment

BEGAN = datetime(2026, 11, 23, 15, 45, tzinfo=UTC)

STARTED = CaptureStarted(RUN, 4711, ("ffmpeg",))
DIED = CaptureEnded(RUN, 1, Cause.RESTART, reason="killed", retry_in_s=0)
UNPLUGGED = CaptureEnded(RUN, 1, Cause.DEVICE_LOST, reason="ALSA read error", retry_in_s=2)
NO_ROOM = CaptureEnded(RUN, 1, Cause.SPOOL_FULL, reason="No space left on device", retry_in_s=2)
ENDED = CaptureEnded(RUN, 255, Cause.STOPPED, reason="stopped", retry_in_s=0)
SPOOL_FULL = SpoolFailed(SegmentId(RUN, 1), "No space left on device")
SEALED = SegmentSealed(sealed_segment(1), 2.0)
FAILED = StoreFailed("upload", "SlowDown", "slow down", "", refused=False, attempt=1, retry_in_s=0.5)
UNPLAYABLE = ListenerLooked("it answers 404", "Ask the doctor.", 1)
RECOVERED = StoreRecovered("upload", 1, 0.5)
LEVELS = LevelsMeasured((-6.0, -7.0), (-18.0, -19.0), -23.0)
ARCHIVE_FAILED = ArchiveFailed(sealed_segment(0), "No space left on device (/srv)", 1.0)
ARCHIVED = SegmentArchived(sealed_segment(0), Path("/srv/recordings/a.flac"))


def _clock(
    offset_s: float | None, store_skew_s: float | None = None, *, synchronised: bool | None = True
) -> ClockChecked:
    return ClockChecked(synchronised, offset_s, store_skew_s, "chrony")


def _published(index: int = 0, gap: int = 0, latency_s: float = 0.025) -> SegmentPublished:
    return SegmentPublished(index, sealed_segment(index), gap, latency_s, upload_s=2.0)


def _refused(number: int = 1, samples: int = 480_000) -> SegmentRefused:
    return SegmentRefused(SegmentId(RUN, number), "hq 0", Path("/spool/refused/x"), samples)


def _begun() -> Snapshot:
    return Snapshot(since=BEGAN, started_at=BEGAN, updated_at=BEGAN, station="radio", pid=1)


def _after(*events: Event) -> Snapshot:
    return _all_after(events)[-1]


def _all_after(events: Iterable[Event]) -> list[Snapshot]:
    """The snapshots after each event; one happens every second."""
    snapshots = [_begun()]
    for second, event in enumerate(events, 1):
        snapshots.append(reduce(snapshots[-1], event, BEGAN + timedelta(seconds=second)))
    return snapshots


def _states(*events: Event) -> list[str]:
    return [str(snapshot.state) for snapshot in _all_after(events)]


def _alarms(*events: Event) -> list[str]:
    return [alarm.code for alarm in _after(*events).alarms]


def test_a_station_s_life_is_told() -> None:
    """From start over trouble and silence to the end the state is the documented one at every step."""
    assert _states(
        *(STARTED, LEVELS, _published(0), FAILED, RECOVERED, _published(1), DIED, OffAir("no new segment")),
        *(STARTED, SEALED, _published(2), Stopping("asked to"), ENDED, OffAir("stopped")),
    ) == [
        *("starting", "starting", "starting", "on_air", "degraded", "on_air", "on_air", "degraded", "off_air"),
        *("off_air", "off_air", "on_air", "stopping", "stopping", "stopping"),
    ]


def test_a_station_is_starting_until_its_first_segment_is_out() -> None:
    """Trouble before the first segment does not put a station on or off air."""
    assert set(_states(STARTED, DIED, STARTED, FAILED, LEVELS)) == {"starting"}


def test_nothing_brings_a_station_back_that_is_stopping() -> None:
    """Whatever is still finished after the stop was asked for, the station is stopping."""
    assert set(_states(_published(0), Stopping("asked to"), _published(1), FAILED, RECOVERED, LEVELS)[2:]) == {
        "stopping"
    }


def test_off_air_stays_off_air_until_a_segment_is_out() -> None:
    """Capture that runs again is not yet on air: listeners have nothing of it."""
    assert _states(_published(0), OffAir("silent"), STARTED, LEVELS, RECOVERED, _published(1))[2:] == [
        *("off_air", "off_air", "off_air", "off_air", "on_air")
    ]


def test_since_is_when_the_state_began() -> None:
    """The time beside the state is that of its first moment, however much happens during it."""
    snapshots = _all_after([STARTED, _published(0), LEVELS, _published(1), FAILED, LEVELS, RECOVERED])
    seconds = [(snapshot.since - BEGAN).total_seconds() for snapshot in snapshots]
    assert seconds == [0, 0, 2, 2, 2, 5, 5, 7]


@pytest.mark.parametrize(
    ("events", "alarms"),
    [
        ([], []),
        ([STARTED, LEVELS, _published(0), ARCHIVED], []),
        ([DIED], ["capture_restarting"]),
        ([DIED, STARTED], ["capture_restarting"]),
        ([DIED, STARTED, SEALED], []),
        ([ENDED], []),
        ([NO_ROOM], ["spool_full"]),
        ([NO_ROOM, STARTED, SEALED], []),
        ([UNPLUGGED], ["device_lost"]),
        ([UNPLUGGED, STARTED, UNPLUGGED], ["device_lost"]),
        ([UNPLUGGED, STARTED, SEALED], []),
        ([UNPLUGGED, SEALED, _published(1)], ["device_lost"]),
        ([UNPLUGGED, CaptureStarted("20261123T160000000Z", 4712, ()), SEALED], ["device_lost"]),
        ([DIED, UNPLUGGED, STARTED, SEALED], []),
        ([SPOOL_FULL], ["spool_full"]),
        ([SPOOL_FULL, SEALED], []),
        ([FAILED], ["store_upload_failing"]),
        ([FAILED, RECOVERED], []),
        ([FAILED, StoreRecovered("manifest", 1, 0.5)], ["store_upload_failing"]),
        ([ARCHIVE_FAILED], ["archive_failing"]),
        ([ARCHIVE_FAILED, ARCHIVED], []),
        ([_refused()], ["seal_refused"]),
        ([_refused(samples=0)], []),
        ([FAILED, ARCHIVE_FAILED, DIED], ["store_upload_failing", "archive_failing", "capture_restarting"]),
        ([FAILED, ARCHIVE_FAILED, RECOVERED], ["archive_failing"]),
        ([_clock(None, synchronised=None)], []),
        ([_clock(None, synchronised=False)], []),
        ([_clock(9.999, -9.999)], []),
        ([_clock(10.0)], ["clock_off"]),
        ([_clock(-10.0)], ["clock_off"]),
        ([_clock(0.0, 10.0)], ["clock_off"]),
        ([_clock(0.0, -1200.0)], ["clock_off"]),
        ([_clock(None, 1200.0, synchronised=False), _clock(0.0, 9.9)], ["clock_off"]),
        ([_clock(None, 1200.0, synchronised=False), _clock(0.0, 4.9)], []),
        ([ListenerLooked("", "", 3)], []),
        ([UNPLAYABLE, ListenerLooked("", "", 3)], []),
        ([UNPLAYABLE, _published(1)], ["not_playable"]),
    ],
)
def test_alarms_come_and_go(events: list[Event], alarms: list[str]) -> None:
    """An alarm is there from the event that raised it to the event that says that it is over."""
    assert _alarms(*events) == alarms


def test_alarms_stand_in_the_order_of_their_beginning() -> None:
    """One that is raised again keeps its place, and its beginning, and says what is so now."""
    again = StoreFailed("upload", "InternalError", "try later", "", refused=False, attempt=2, retry_in_s=0.5)
    alarms = _after(FAILED, ARCHIVE_FAILED, again).alarms
    assert [alarm.code for alarm in alarms] == ["store_upload_failing", "archive_failing"]
    assert "InternalError" in alarms[0].message
    assert alarms[0].since < alarms[0].seen


def test_audio_that_is_lost_to_the_archive_is_an_alarm() -> None:
    """When the spool is full and a segment had to go unarchived, the operator is told."""
    assert _alarms(SpoolOverflowed(sealed_segment(0))) != []


ONCE = [
    _refused(),
    SpoolOverflowed(sealed_segment(0)),
    OnlookerFailed("listener", "ValueError: 7"),
    RecordingDamaged(Path("/r/radio.flac.damaged"), "its MD5 differs"),
]


def _passed(s: Snapshot, *times: timedelta) -> Snapshot:
    """After all went well at each of these times since the beginning."""
    for time in times:
        for event in (ARCHIVED, _published(5)):
            s = reduce(s, event, BEGAN + time)
    return s


@pytest.mark.parametrize("happened", ONCE, ids=lambda event: type(event).__name__)
def test_what_happened_once_is_shown_for_an_hour(happened: Event) -> None:
    """An alarm about one event stays long enough to be seen, and leaves a station that is fine since then alone."""
    told = reduce(_begun(), happened, BEGAN)
    (alarm,) = told.alarms
    soon = _passed(told, timedelta(minutes=59))
    assert (soon.alarms, soon.state) == ((alarm,), State.DEGRADED)
    later = _passed(soon, timedelta(minutes=61))
    assert (later.alarms, later.state) == ((), State.ON_AIR)


@pytest.mark.parametrize("happened", ONCE, ids=lambda event: type(event).__name__)
def test_what_happens_again_is_shown_for_an_hour_more(happened: Event) -> None:
    """The hour counts from the last time; the alarm began with the first."""
    again = reduce(reduce(_begun(), happened, BEGAN), happened, BEGAN + timedelta(minutes=59))
    (alarm,) = _passed(again, timedelta(minutes=61), timedelta(minutes=118)).alarms
    assert alarm.since == BEGAN
    assert _passed(again, timedelta(minutes=120)).alarms == ()


def test_an_alarm_says_since_when_what_and_what_to_do() -> None:
    """A repeated alarm keeps its beginning, shows the newest message, and always has a remedy."""
    worse = StoreFailed("upload", "AccessDenied", "no", "Check the key.", refused=True, attempt=1, retry_in_s=5)
    snapshots = _all_after([LEVELS, FAILED, worse])
    (first,), (second,) = snapshots[2].alarms, snapshots[3].alarms
    assert first.since == second.since == BEGAN + timedelta(seconds=2)
    assert "SlowDown" in first.message
    assert "AccessDenied" in second.message
    assert "upload" in second.message
    assert second.remedy == "Check the key."
    for snapshot in _all_after([DIED, UNPLUGGED, FAILED, ARCHIVE_FAILED, _refused(), SPOOL_FULL]):
        assert all(alarm.message and alarm.remedy for alarm in snapshot.alarms)


def test_an_alarm_that_comes_again_begins_again() -> None:
    """After it was over, an alarm's time is that of its new beginning."""
    (alarm,) = _after(FAILED, RECOVERED, LEVELS, FAILED).alarms
    assert alarm.since == BEGAN + timedelta(seconds=4)


def test_alarms_tell_where_to_look() -> None:
    """The message of each alarm has the particulars: exit code and FFmpeg's last words, folder, segment."""
    happened = (DIED, UNPLUGGED, ARCHIVE_FAILED, _refused(), SPOOL_FULL)
    messages = {alarm.code: alarm.message + alarm.remedy for alarm in _after(*happened).alarms}
    assert "exit code 1" in messages["capture_restarting"]
    assert "killed" in messages["capture_restarting"]
    assert "ALSA read error" in messages["device_lost"]
    assert "No space left on device" in messages["spool_full"]
    assert "RADIO_SPOOL_DIR" in messages["spool_full"]
    assert "No space left on device (/srv)" in messages["archive_failing"]
    assert f"{RUN}.00000001" in messages["seal_refused"]
    assert "/spool/refused/x" in messages["seal_refused"]


def test_a_wrong_clock_is_told_with_which_and_how_much() -> None:
    """The alarm names the reference, the direction and the size, says what to run, and clears the keys of blame."""
    (alarm,) = _after(_clock(12.5, -1200.0)).alarms
    assert "12.500 s behind its reference (chrony)" in alarm.message
    assert "1200.000 s ahead of the store's" in alarm.message
    assert all(word in alarm.remedy for word in ("timedatectl set-ntp true", "systemd-timesyncd", "chrony", "keys"))
    (alarm,) = _after(_clock(None, 11.0)).alarms
    assert alarm.message == "this machine's clock is 11.000 s behind the store's"


def test_the_clock_is_told() -> None:
    """Synchronised or not, offset and store's skew in milliseconds; null is what nobody tells."""
    assert _after().clock.model_dump() == {
        "synchronised": None,
        "offset_ms": None,
        "store_skew_ms": None,
        "audio_ppm": None,
    }
    told = _after(_clock(-0.0012346, 0.25, synchronised=False)).clock
    assert (told.synchronised, told.offset_ms, told.store_skew_ms) == (False, -1.235, 250.0)
    assert _after(_clock(0.5, 0.5), _clock(None)).clock.store_skew_ms is None


def test_capture_is_told() -> None:
    """Process, run, restarts and overruns of the capture are counted."""
    running = _after(STARTED, Overrun(RUN), Overrun(RUN)).capture
    assert (running.pid, running.run, running.restarts, running.xruns) == (4711, RUN, 0, 2)
    assert running.restarts_by_reason == {}
    restarting = _after(STARTED, Overrun(RUN), DIED).capture
    assert (restarting.pid, restarting.restarts, restarting.xruns) == (None, 1, 1)
    stopped = _after(STARTED, ENDED).capture
    assert (stopped.pid, stopped.restarts) == (None, 0)


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        (UNPLUGGED, "device_lost"),
        (CaptureEnded(RUN, None, Cause.DEVICE_LOST, "no USB sound card is plugged in"), "device_lost"),
        (NO_ROOM, "spool_full"),
        (CaptureEnded(RUN, None, Cause.RESTART, "FFmpeg could not be started"), "not_started"),
        (CaptureEnded(RUN, -9, Cause.RESTART, "nothing was captured for 3 s", hung=True), "hung"),
        (CaptureEnded(RUN, -11, Cause.RESTART, "it ended by itself"), "killed"),
        (DIED, "exited"),
    ],
)
def test_a_restart_has_a_reason(ended: CaptureEnded, reason: str) -> None:
    """Each end that nobody asked for is counted under how it came, and all of them together."""
    capture = _after(STARTED, ended, STARTED, ended, ENDED).capture
    assert (capture.restarts, capture.restarts_by_reason) == (2, {reason: 2})


def test_levels_are_the_last() -> None:
    """The levels shown are those of the last measurement, and so is the drift of the sound card's clock."""
    drifting = LevelsMeasured((-6.0, -7.0), (-18.0, -19.0), -23.0, drift_ppm=12.345)
    assert _after(LEVELS).clock.audio_ppm is None
    assert _after(drifting).clock.audio_ppm == 12.3
    levels = _after(LevelsMeasured((0.0,), (0.0,), 0.0), LEVELS).levels
    assert (levels.peak_db, levels.rms_db, levels.lufs) == ((-6.0, -7.0), (-18.0, -19.0), -23.0)


def _measured(*peak_db: float, span_s: float = 0.5) -> LevelsMeasured:
    return LevelsMeasured(peak_db, peak_db, -23.0, span_s=span_s)


def test_silence_is_counted_in_audio() -> None:
    """Silence lasts as long as no channel is above the limit, in seconds of programme, whatever the clock says."""
    quiet = _measured(-60.1, -144.0, span_s=0.4)
    assert _after(quiet, quiet, quiet).levels.silent_s == 1.2
    assert _after(quiet, quiet, _measured(-144.0, -60.0), quiet).levels.silent_s == 0.4
    assert _after(quiet, DIED).levels.silent_s == 0.0  # nothing captured is no silence


def test_a_clip_is_a_sample_at_full_scale() -> None:
    """The last code of 24 bits counts, on any channel; a peak just below it does not."""
    levels = _after(_measured(-6.0, -0.000001), _measured(0.0, -9.0), _measured(-0.00001, -0.0003), DIED).levels
    assert (levels.clips, levels.clips_by_channel, levels.peak_db) == (2, (1, 1), ())
    mono = LevelsMeasured((0.0,), (-9.0,), -9.0)
    assert _after(_measured(0.0, -9.0), mono).levels.clips_by_channel == (1,)  # another device


def test_time_on_air_goes_on_through_trouble() -> None:
    """An alarm does not begin the time on air anew; an off-air manifest ends it, and so does a stop."""
    snapshots = _all_after([STARTED, _published(0), FAILED, RECOVERED, OffAir("silent"), _published(1), Stopping("x")])
    since = [None if s.on_air_since is None else (s.on_air_since - BEGAN).total_seconds() for s in snapshots]
    assert since == [None, None, 2, 2, 2, None, 6, None]


def test_the_log_s_end_is_told() -> None:
    """The last thirty lines of the log stand in the status, with their time and level, the newest last."""
    log = _after(*(Logged("INFO", f"line {number}") for number in range(100))).log
    assert [line.text for line in log] == [f"line {number}" for number in range(70, 100)]
    assert (log[-1].level, log[-1].at) == ("INFO", BEGAN + timedelta(seconds=100))


def test_alarms_of_rules_come_and_go_with_their_events() -> None:
    """What a rule tells is an alarm like any other: it stands, degrades the station, and is taken away by its code."""
    raised = AlarmRaised("silence", "nothing is heard", "Is it playing?")
    assert _alarms(_published(0), raised, LEVELS) == ["silence"]
    assert _states(_published(0), raised, AlarmCleared("silence"))[1:] == ["on_air", "degraded", "on_air"]


def test_a_notice_leaves_the_state_alone() -> None:
    """What is only worth knowing stands among the alarms, and a station on air stays on air; a warning degrades it."""
    notice = AlarmRaised("archive_gap", "something is missing", "Look where.", Severity.NOTICE)
    assert _states(_published(0), notice, FAILED, RECOVERED)[1:] == ["on_air", "on_air", "degraded", "on_air"]
    assert [alarm.severity for alarm in _after(notice, FAILED).alarms] == [Severity.NOTICE, Severity.WARNING]


def test_the_rate_that_is_needed_is_told() -> None:
    """Beside the rate of the last upload stands what the programme takes of the line."""
    upload = _after(_published(41)).upload
    assert upload.needed_mbit_s == pytest.approx((2_535_702 + 168_582) * 8 / 10 / 1e6, abs=0.001)


def test_publishing_is_told() -> None:
    """Count, newest index and rate of upload follow what was published."""
    snapshot = _after(_published(41), _published(42))
    assert (snapshot.segments_published, snapshot.latest) == (2, 42)
    assert snapshot.upload.mbit_s == pytest.approx((2_535_702 + 168_582) * 8 / 2.0 / 1e6, abs=0.001)


def test_failed_requests_are_counted() -> None:
    """Errors of the store are counted for good, and the last one's code stays to be read."""
    snapshot = _after(FAILED, FAILED, RECOVERED, _published(0))
    assert (snapshot.upload.errors, snapshot.upload.last_error) == (2, "SlowDown")
    assert snapshot.upload.errors_by_code == {"SlowDown": 2}


def _failing(code: str) -> StoreFailed:
    return StoreFailed("upload", code, "no", "", refused=False, attempt=1, retry_in_s=0.5)


@given(st.lists(st.text(max_size=80), max_size=200))
def test_codes_of_errors_are_bounded(codes: list[str]) -> None:
    """Whatever a server calls its errors: all are counted, under no more than 33 names, none of them strange."""
    by_code = _after(LEVELS, *map(_failing, codes)).upload.errors_by_code
    assert sum(by_code.values()) == len(codes)
    assert len(by_code) <= 33
    assert all(re.fullmatch(r"[A-Za-z0-9_ .-]{1,64}", code) for code in by_code)


def test_more_codes_than_are_kept_are_others() -> None:
    """The first 32 keep their names, and go on under them; the rest is counted together."""
    by_code = _after(*(_failing(f"Code{number}") for number in [*range(40), 0])).upload.errors_by_code
    assert (by_code["Code0"], by_code["Code31"], by_code["other"], len(by_code)) == (2, 1, 8, 33)


def test_the_archive_is_told() -> None:
    """The newest recording and their number are shown."""
    snapshot = _after(ARCHIVED, SegmentArchived(sealed_segment(1), Path("/srv/recordings/b.flac")))
    assert (snapshot.archive.current, snapshot.archive.segments) == ("/srv/recordings/b.flac", 2)


def test_losses_of_listeners_are_counted_by_cause() -> None:
    """What is missing from the stream is added up under its cause; what only the archive misses is not."""
    at, where = BEGAN, SegmentId(RUN, 1)
    lost = _after(
        SamplesLost(at, 700, Cause.RESTART, MissingFrom.STREAM, where),
        SamplesLost(at, 50, Cause.XRUN, MissingFrom.STREAM, where),
        SamplesLost(at, 480_000, Cause.SPOOL_FULL, MissingFrom.ARCHIVE, where),
        SamplesLost(at, 300, Cause.RESTART, MissingFrom.STREAM, where),
    ).lost
    assert (lost.samples, lost.by_cause) == (1_050, {"restart": 1_000, "xrun": 50})


events = st.one_of(
    st.builds(_published, st.integers(0, 100), st.integers(0, 2_000_000)),
    st.builds(_published, st.integers(0, 100)),
    st.builds(_refused, st.integers(0, 100), st.sampled_from([0, 480_000])),
    st.builds(
        SamplesLost,
        st.just(BEGAN),
        st.integers(1, 2_000_000),
        st.sampled_from(Cause),
        st.sampled_from(MissingFrom),
        st.just(SegmentId(RUN, 1)),
    ),
    st.builds(SegmentExpired, st.builds(sealed_segment, st.integers(0, 100), samples=st.integers(1, 480_000))),
    st.sampled_from(
        [
            *(
                STARTED,
                DIED,
                UNPLUGGED,
                NO_ROOM,
                ENDED,
                SPOOL_FULL,
                FAILED,
                RECOVERED,
                LEVELS,
                ARCHIVE_FAILED,
                ARCHIVED,
                Overrun(RUN),
            ),
            *(OffAir("silent"), Stopping("asked to"), FFmpegSaid("error", "x"), SegmentDropped(SegmentId(RUN, 1))),
            *(SEALED, SpoolOverflowed(sealed_segment(1))),
            AlarmRaised("archive_gap", "something is missing", "Look where.", Severity.NOTICE),
        ]
    ),
)


@given(st.lists(events, max_size=60))
def test_every_snapshot_keeps_its_promises(happened: list[Event]) -> None:
    """Whatever happens in whatever order: causes add up, states follow alarms, time never goes back."""
    lost = published = 0
    for event, (before, after) in zip(happened, pairwise(_all_after(happened)), strict=True):
        if isinstance(event, SegmentPublished):
            published += 1
        if isinstance(event, SamplesLost) and event.missing_from is MissingFrom.STREAM:
            lost += event.samples
        assert after.lost.samples == sum(after.lost.by_cause.values()) == lost
        assert all(samples > 0 for samples in after.lost.by_cause.values())
        assert after.segments_published == published
        if after.state in {State.ON_AIR, State.DEGRADED}:
            warned = any(alarm.severity is Severity.WARNING for alarm in after.alarms)
            assert after.state is (State.DEGRADED if warned else State.ON_AIR)
        assert (after.since > before.since) == (after.state is not before.state)
        assert len({alarm.code for alarm in after.alarms}) == len(after.alarms)
        assert Snapshot.model_validate_json(after.model_dump_json()).state is after.state


@given(st.lists(st.floats(0, 10), min_size=1, max_size=400))
@example([float(latency_s) for latency_s in range(400, 0, -1)])
def test_latency_is_told_by_nearest_rank(latencies_s: list[float]) -> None:
    """Median and 99th percentile are of the last 360 segments, and are latencies that really occurred."""
    latency = _after(*(_published(latency_s=latency_s) for latency_s in latencies_s)).publish_latency_ms
    last_ms = sorted(latency_s * 1000 for latency_s in latencies_s[-360:])
    for told, q in ((latency.p50, 0.5), (latency.p99, 0.99)):
        assert told == pytest.approx(float(np.quantile(last_ms, q, method="inverted_cdf")), abs=0.001)


def test_before_the_first_segment_there_is_no_latency() -> None:
    """Nothing is made up before anything was measured."""
    latency = _after(STARTED, LEVELS).publish_latency_ms
    assert (latency.p50, latency.p99) == (None, None)


def test_an_event_that_changes_nothing_changes_nothing() -> None:
    """What is only worth a line in the log leaves the snapshot as it was."""
    before = _after(STARTED, _published(0))
    after = reduce(before, FFmpegSaid("warning", "x"), BEGAN + timedelta(hours=1))
    assert after.model_copy(update={"updated_at": before.updated_at}) == before


def test_a_snapshot_is_frozen() -> None:
    """Nobody who is given a snapshot can change it for others."""
    with pytest.raises(ValidationError, match="frozen"):
        _begun().state = State.ON_AIR  # type: ignore[misc]


def test_the_json_has_the_documented_fields() -> None:
    """Scripts that read the status find what the design promises, times in UTC with milliseconds."""
    lost = SamplesLost(BEGAN, 9, Cause.STOPPED, MissingFrom.STREAM, SegmentId(RUN, 7))
    told = json.loads(_after(STARTED, lost, LEVELS, _published(7, gap=9), FAILED).model_dump_json())
    assert told["state"] == "degraded"
    assert told["since"] == "2026-11-23T15:45:05.000Z"
    assert told["latest"] == 7
    assert told["capture"] == {"pid": 4711, "run": RUN, "restarts": 0, "restarts_by_reason": {}, "xruns": 0}
    levels = {"peak_db": [-6.0, -7.0], "rms_db": [-18.0, -19.0], "lufs": -23.0, "silent_s": 0.0}
    assert told["levels"] == {**levels, "clips": 0, "clips_by_channel": [0, 0]}
    assert told["lost"] == {"samples": 9, "by_cause": {"stopped": 9}}
    assert told["publish_latency_ms"] == {"p50": 25.0, "p99": 25.0}
    assert told["upload"]["errors"] == 1
    assert [alarm["code"] for alarm in told["alarms"]] == ["store_upload_failing"]
    assert set(told["alarms"][0]) == {"code", "severity", "since", "seen", "message", "remedy"}
    assert told["alarms"][0]["severity"] == "warning"
    assert {"station", "uptime_s", "segments_published", "queue_depth", "spool_bytes", "archive"} <= set(told)


def test_what_is_kept_for_counting_is_not_told() -> None:
    """Internal memory is no part of the contract."""
    told = json.loads(_after(_published(0), _refused()).model_dump_json())
    assert not {"latencies_ms", "latencies"} & set(told)


def test_the_board_takes_events_from_any_thread() -> None:
    """No event is lost when several threads tell theirs at the same time."""
    board = StatusBoard("radio", SystemClock(), lambda: 1234, lambda: 0)
    threads = [
        threading.Thread(target=lambda: [board.take(Overrun(RUN)) for _ in range(500)])  # type: ignore[func-returns-value]
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert board.current().capture.xruns == 8 * 500


class _SetRight(SystemClock):
    """A wall clock that was two days ahead at the start; six hours have passed since then."""

    passed_s, ahead_s = 0.0, 172_800.0

    def monotonic_s(self) -> float:
        return self.passed_s

    def wall_s(self) -> float:
        return BEGAN.timestamp() + self.passed_s + self.ahead_s


def test_the_forecast_goes_by_no_wall_clock() -> None:
    """When a clock that was ahead is set right, the requests so far were not made in no time at all."""
    clock = _SetRight()
    board = StatusBoard("radio", clock, lambda: 0, lambda: 0)
    clock.passed_s, clock.ahead_s = 6 * 3600.0, 0.0
    for _ in range(6 * 360):
        board.take(_published(1))
    left_s = (datetime(2026, 12, 1, tzinfo=UTC) - BEGAN).total_seconds() - clock.passed_s
    requests = board.current().requests
    assert requests.class_a_forecast == requests.class_a_month + round(0.3 * left_s)


def test_the_board_tells_what_holds_at_the_moment() -> None:
    """Uptime, time, the spool's size and what waits in it are those of the moment of asking."""
    sizes, depths = iter([10, 20]), iter([0, 3])
    board = StatusBoard("vinyl", SystemClock(), lambda: next(sizes), lambda: next(depths))
    first, second = board.current(), board.current()
    assert (first.queue_depth, second.queue_depth) == (0, 3)
    assert (first.station, first.state, first.spool_bytes, second.spool_bytes) == ("vinyl", State.STARTING, 10, 20)
    assert 0 <= first.uptime_s <= second.uptime_s
    assert math.isclose(first.uptime_s, (first.updated_at - first.started_at).total_seconds(), abs_tol=1)
