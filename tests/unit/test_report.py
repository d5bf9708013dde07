"""The log: a line for each event that is worth one, for people or for machines."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from supervisor.clock import SystemClock
from supervisor.events import (
    AlarmCleared,
    AlarmRaised,
    ArchiveFailed,
    ArchiveMeasured,
    CaptureEnded,
    CaptureStarted,
    Cause,
    ClockChecked,
    CoverageChecked,
    Event,
    FFmpegSaid,
    InputLost,
    JoinFailed,
    KeepingFailed,
    KeysRefused,
    KeysTaken,
    LevelsMeasured,
    ListenerLooked,
    Logged,
    MissingFrom,
    OffAir,
    OnlookerFailed,
    Overrun,
    RecordingDamaged,
    RecordingJoined,
    RecordingsPruned,
    SamplesLost,
    SegmentArchived,
    SegmentDropped,
    SegmentExpired,
    SegmentFoundListed,
    SegmentPublished,
    SegmentRefused,
    SegmentSealed,
    SettingsRefused,
    SettingsReread,
    SpoolFailed,
    SpoolOverflowed,
    Stopping,
    StoreFailed,
    StoreRecovered,
    WindowMoved,
)
from supervisor.names import SegmentId
from supervisor.report import ALERTS_THREAD, LOG, Reporter, set_up
from tests.unit.made import RUN, START, sealed_segment

SEGMENT = f"{RUN}.00000007"
RECORDING = Path("/srv/radio_20261123T150000.397Z.flac")
COMMAND = ("ffmpeg", "-f", "alsa", "-i", "hw:CARD=UMC404HD", "-af", "pan=stereo|c0=c2")

DIED = CaptureEnded(RUN, 1, Cause.DEVICE_LOST, reason="ALSA read error", retry_in_s=2.5)
STORE_FAILED = StoreFailed("upload", "SlowDown", "slow down", "", refused=False, attempt=3, retry_in_s=0.5)

CLOCK_KEPT = ClockChecked(synchronised=True, offset_s=0.002, store_skew_s=-0.25, told_by="chrony")
CLOCK_LOOSE = ClockChecked(synchronised=False, offset_s=None, store_skew_s=0.25, told_by="timedatectl")
CLOCK_OFF = ClockChecked(synchronised=True, offset_s=0.0, store_skew_s=-1.0, told_by="the kernel")

EVENTS: list[tuple[Event, str, list[str]]] = [
    (CaptureStarted(RUN, 4711, COMMAND), "INFO", [RUN, "4711"]),
    (CaptureEnded(RUN, 255, Cause.STOPPED, reason="stopped", retry_in_s=0), "INFO", [RUN]),
    (
        DIED,
        "ERROR",
        ["exit code 1", "ALSA read error", "2.5 s"],
    ),
    (
        CaptureEnded(RUN, None, Cause.DEVICE_LOST, "no USB sound card", retry_in_s=2),
        "ERROR",
        ["capture could not begin: no USB sound card", "2.0 s"],
    ),
    (FFmpegSaid("warning", "Guessed Channel Layout"), "INFO", ["FFmpeg: Guessed Channel Layout"]),
    (FFmpegSaid("error", "cannot open audio device"), "ERROR", ["FFmpeg: cannot open audio device"]),
    (Overrun(RUN), "WARNING", ["xrun"]),
    (InputLost(RUN, 96_000, 1_234), "WARNING", [RUN, "1234 samples", "96000"]),
    (
        SamplesLost(sealed_segment(7).start, 1_234, Cause.XRUN, MissingFrom.STREAM, sealed_segment(7).id),
        "WARNING",
        [SEGMENT, "1234 samples", "stream", "xrun"],
    ),
    (SegmentSealed(sealed_segment(7), 2.25), "DEBUG", [SEGMENT, "2.2 ms"]),
    (
        SegmentRefused(SegmentId(RUN, 7), "hq 43200", Path("/spool/refused/7"), 480_000),
        "ERROR",
        [SEGMENT, "hq 43200", "/spool/refused/7"],
    ),
    (SegmentRefused(SegmentId(RUN, 7), "cut off", Path("/spool/refused/7"), 0), "WARNING", [SEGMENT, "cut off"]),
    (SpoolFailed(SegmentId(RUN, 7), "No space left on device"), "ERROR", [SEGMENT, "No space left on device"]),
    (SegmentDropped(SegmentId(RUN, 7)), "INFO", [SEGMENT]),
    (SegmentPublished(42, sealed_segment(7), 0, 0.0254, 0.02), "INFO", ["00000042", "(10 s)", "25 ms"]),
    (SegmentPublished(42, sealed_segment(7), 999, 0.025, 0.02), "WARNING", ["00000042", "999 samples missing"]),
    (SegmentFoundListed(sealed_segment(7), 5), "INFO", [SEGMENT, "had been published"]),
    (SegmentExpired(sealed_segment(7)), "WARNING", [SEGMENT, "too late"]),
    (
        STORE_FAILED,
        "WARNING",
        ["upload", "SlowDown", "slow down", "0.5 s"],
    ),
    (
        StoreFailed("upload", "AccessDenied", "no", "Check the key.", refused=True, attempt=1, retry_in_s=5),
        "ERROR",
        ["AccessDenied", "Check the key."],
    ),
    (
        StoreFailed("upload", "RequestTimeTooSkewed", "no", "Check the clock.", refused=False, attempt=1, retry_in_s=5),
        "ERROR",
        ["RequestTimeTooSkewed", "Check the clock."],
    ),
    (StoreRecovered("upload", 3, 12.5), "INFO", ["upload", "3 failures", "12.5 s"]),
    (OffAir("no new segment for 30 s"), "INFO", ["off air", "no new segment for 30 s", "live: false"]),
    (OffAir("nothing reaches the store", told=False), "INFO", ["off air", "still says live: true"]),
    (OnlookerFailed("listener", "ValueError: 7"), "ERROR", ["listener", "begun again", "ValueError: 7"]),
    (SegmentArchived(sealed_segment(7), Path("/srv/a.flac")), "DEBUG", [SEGMENT, "/srv/a.flac"]),
    (ArchiveFailed(sealed_segment(7), "No space left (/srv)", 1.0), "ERROR", [SEGMENT, "No space left (/srv)"]),
    (SpoolOverflowed(sealed_segment(7)), "ERROR", [SEGMENT, "spool is full"]),
    (CLOCK_KEPT, "INFO", ["0.002 s behind its reference (chrony)", "0.250 s ahead of the store's"]),
    (CLOCK_LOOSE, "WARNING", ["not synchronised (timedatectl)", "set-ntp true"]),
    (ListenerLooked("", "", 3), "DEBUG", ["listeners can play"]),
    (ListenerLooked("it answers 404", "Ask.", 1), "ERROR", ["listeners cannot play it: it answers 404"]),
    (ListenerLooked("it answers 404", "Ask.", 1, confirmed=False), "DEBUG", ["may not be able to play it: it ans"]),
    (CLOCK_OFF, "WARNING", ["1.000 s ahead of the store's", "check time synchronisation"]),
    (
        RecordingJoined(RECORDING, 360, 3600.0, 912_000_000),
        "INFO",
        [str(RECORDING), "360 pieces", "912.0 MB"],
    ),
    (JoinFailed(RECORDING, "exit code is 1"), "ERROR", [str(RECORDING), "exit code is 1"]),
    (RecordingDamaged(RECORDING, "its PCM differs"), "ERROR", [str(RECORDING), "its PCM differs"]),
    (RecordingsPruned(1, 912_000_000, START), "INFO", ["1 recording ", "2026-11-23T15:45:30.412Z", "912.0 MB"]),
    (ArchiveMeasured(1, 1.0, 0, 0, "/srv/a.flac: EIO", 1), "ERROR", ["/srv/a.flac: EIO"]),
    (RecordingsPruned(0, 0, None, "/srv/a.flac: EPERM"), "ERROR", ["/srv/a.flac: EPERM", "0 recordings"]),
    (KeepingFailed("Input/output error", Path("/srv")), "ERROR", ["/srv", "Input/output error"]),
    (CoverageChecked(START, ()), "INFO", ["no gap since 2026-11-23T15:45:30.412Z"]),
    (
        CoverageChecked(START, tuple((START, 1.5) for _ in range(7))),
        "WARNING",
        ["7 gaps", "10.500 s in all", "(1.500 s)", "and 2 more"],
    ),
    (WindowMoved(2_841_120), "DEBUG", ["02841120"]),
    (AlarmRaised("silence", "nothing is heard", "Is it playing?"), "WARNING", ["silence", "heard", "Is it playing?"]),
    (KeysTaken("7777"), "INFO", ["accepts the new keys", "…7777 from now on"]),
    (KeysTaken(""), "INFO", ["signed with the new key from now on"]),
    (
        KeysRefused("AccessDenied", "put: no", "Check the key."),
        "ERROR",
        ["the old ones stay in use: AccessDenied: put: no. Check the key."],
    ),
    (SettingsRefused("RADIO_WINDOW=x is wrong"), "ERROR", ["nothing was taken over: RADIO_WINDOW=x is wrong"]),
    (SettingsReread(keys_changed=False, bound=(), need_restart=()), "INFO", ["read anew; the keys are the same"]),
    (
        SettingsReread(keys_changed=True, bound=("RADIO_WINDOW",), need_restart=("R2_BUCKET",)),
        "WARNING",
        ["what has changed: R2_BUCKET;", "not from the env file: RADIO_WINDOW"],
    ),
    (AlarmCleared("silence"), "INFO", ["alarm silence is over"]),
    (Stopping("asked to"), "INFO", ["stopping", "asked to"]),
]

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) +(.+)")


class _Clock(SystemClock):
    """A clock that a test moves on."""

    now_s = 1000.0

    def monotonic_s(self) -> float:
        return self.now_s


@dataclass
class _Log:
    """What was written, who writes it, and when."""

    stream: io.StringIO
    reporter: Reporter
    clock: _Clock

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    """The logging of the tests is theirs again afterwards."""
    root = logging.getLogger()
    handlers, levels = root.handlers[:], (root.level, LOG.level)
    root.handlers.clear()  # so that set_up closes none of them
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    LOG.setLevel(levels[1])


def _log(log_format: str, level: str = "DEBUG") -> _Log:
    stream = io.StringIO()
    set_up(log_format, level, stream)
    clock = _Clock()
    return _Log(stream, Reporter(clock), clock)


pytestmark = pytest.mark.usefixtures("_logging_as_before")


@pytest.mark.parametrize(("event", "level", "told"), EVENTS, ids=[type(event).__name__ for event, _, _ in EVENTS])
def test_an_event_is_one_line_for_people(event: Event, level: str, told: list[str]) -> None:
    """Each event is a line with its time in UTC, its weight, and its particulars in words."""
    log = _log("text")
    log.reporter.take(event)
    line = LINE.fullmatch(log.lines[0])
    assert line is not None
    assert line[1] == level
    assert all(word in line[2] for word in told)
    assert len(log.lines) == (2 if isinstance(event, CaptureStarted) else 1)


@pytest.mark.parametrize(("event", "level", "told"), EVENTS, ids=[type(event).__name__ for event, _, _ in EVENTS])
def test_an_event_is_one_object_for_machines(event: Event, level: str, told: list[str]) -> None:
    """Each event is a line of JSON with the same sentence, the event's name and its particulars as fields."""
    log = _log("json")
    log.reporter.take(event)
    fields = json.loads(log.lines[0])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields["time"])
    assert fields["level"] == level.lower()
    assert fields["event"] == type(event).__name__
    assert all(word in fields["message"] for word in told)


def test_every_kind_of_event_is_known_here() -> None:
    """An event that is added later has to be given its line, or a place among those that have none."""
    known = {type(event) for event, _, _ in EVENTS} | {LevelsMeasured, Logged}
    assert known == set(get_args(Event))


def test_levels_are_no_news() -> None:
    """Levels come twice a second for months: they are never logged, and a line of the log is none about itself."""
    log = _log("text")
    log.reporter.take(Logged("INFO", "a line"))
    log.reporter.take(LevelsMeasured((-6.0,), (-18.0,), -23.0))
    assert log.lines == []


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_every_published_segment_is_one_line_with_its_latency(log_format: str) -> None:
    """At the ordinary level the log of an ordinary hour is one line a segment, with its latency."""
    log = _log(log_format, "INFO")
    for index in range(360):
        log.reporter.take(SegmentSealed(sealed_segment(index), 2.0))
        log.reporter.take(SegmentArchived(sealed_segment(index), Path("/srv/a.flac")))
        log.reporter.take(SegmentPublished(index, sealed_segment(index), 0, 0.025 + index / 1000, 0.02))
    assert len(log.lines) == 360
    if log_format == "json":
        published = [json.loads(line) for line in log.lines]
        assert [fields["index"] for fields in published] == list(range(360))
        assert [fields["latency_ms"] for fields in published] == [25.0 + index for index in range(360)]
        assert {fields["gap"] for fields in published} == {0}
        assert {fields["samples"] for fields in published} == {480_000}
    else:
        assert all(f" {25 + index} ms " in line for index, line in enumerate(log.lines))


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_ffmpeg_s_command_is_written_once(log_format: str) -> None:
    """However often FFmpeg restarts its command is logged once, as it can be pasted into a shell."""
    log = _log(log_format, "INFO")
    for _ in range(5):
        log.reporter.take(CaptureStarted(RUN, 4711, COMMAND))
        log.clock.now_s += 61
    commands = [line for line in log.lines if "UMC404HD" in line]
    assert len(log.lines) == 6
    assert len(commands) == 1
    assert "ffmpeg -f alsa -i hw:CARD=UMC404HD -af 'pan=stereo|c0=c2'" in commands[0]


TROUBLES: list[tuple[Event, Event | None]] = [
    (STORE_FAILED, StoreRecovered("upload", 3, 12.5)),
    (ArchiveFailed(sealed_segment(7), "No space left (/srv)", 1.0), SegmentArchived(sealed_segment(7), Path("/a"))),
    (SpoolFailed(SegmentId(RUN, 7), "No space left on device"), SegmentSealed(sealed_segment(7), 2.25)),
    (DIED, SegmentSealed(sealed_segment(7), 2.25)),
    (FFmpegSaid("error", "[alsa @ 0x55d0c0ffee] cannot open audio device"), None),
    (Overrun(RUN), None),
    (CLOCK_OFF, CLOCK_KEPT),
    (ListenerLooked("it answers 404", "Ask.", 1), ListenerLooked("", "", 3)),
    (SegmentExpired(sealed_segment(7)), SegmentPublished(42, sealed_segment(8), 0, 0.025, 0.02)),
    (SpoolOverflowed(sealed_segment(7)), SegmentArchived(sealed_segment(8), Path("/a"))),
]


@pytest.mark.parametrize(("trouble", "end"), TROUBLES, ids=[type(trouble).__name__ for trouble, _ in TROUBLES])
def test_a_trouble_that_goes_on_is_a_handful_of_lines(trouble: Event, end: Event | None) -> None:
    """Of ten minutes of the same trouble, one every second, there is a line a minute, and it says how many more."""
    log = _log("text", "INFO")
    for _ in range(601):
        log.reporter.take(trouble)
        log.clock.now_s += 1
    assert len(log.lines) == 11
    assert "more like it" not in log.lines[0]
    assert all("(59 more like it since the last line)" in line for line in log.lines[1:])
    log.reporter.take(trouble)
    assert len(log.lines) == 11
    if end is not None:
        log.reporter.take(end)
        told = len(log.lines)
        log.reporter.take(trouble)
        assert len(log.lines) == told + 1
        assert "more like it" not in log.lines[-1]


@pytest.mark.parametrize("state", [CLOCK_KEPT, CLOCK_LOOSE])
def test_a_clock_s_state_is_told_when_it_changes(state: ClockChecked) -> None:
    """A clock that is merely not synchronised, or is kept, is one line until that changes, and then the change is."""
    log = _log("text", "INFO")
    for _ in range(600):
        log.reporter.take(state)
        log.clock.now_s += 60
    assert len(log.lines) == 1
    log.reporter.take(CLOCK_OFF)
    log.reporter.take(state)
    assert len(log.lines) == 3
    assert log.lines[2].split(" ", 1)[1] == log.lines[0].split(" ", 1)[1]


def test_addresses_do_not_make_the_same_message_a_new_one() -> None:
    """FFmpeg puts addresses into its messages: the same one from the next child is the same trouble."""
    log = _log("text")
    for address in range(100):
        log.reporter.take(FFmpegSaid("error", f"[alsa @ 0x{address:08x}] cannot open audio device"))
    assert len(log.lines) == 1


def test_different_troubles_are_each_told() -> None:
    """One trouble does not hide another that begins while it goes on."""
    log = _log("text")
    for operation in ("upload", "manifest", "delete"):
        log.reporter.take(StoreFailed(operation, "SlowDown", "m", "", refused=False, attempt=1, retry_in_s=1))
    for text in ("first", "second"):
        log.reporter.take(FFmpegSaid("error", text))
    assert len(log.lines) == 5


def test_another_code_is_said_at_once() -> None:
    """While requests fail with one code, the first that fails with another is a line of its own, and both end."""
    log = _log("text")
    for _ in range(3):
        for code in ("SlowDown", "InternalError"):
            log.reporter.take(StoreFailed("upload", code, "m", "", refused=False, attempt=1, retry_in_s=1))
    assert len(log.lines) == 2
    log.reporter.take(StoreRecovered("upload", 6, 3.0))
    log.reporter.take(StoreFailed("upload", "InternalError", "m", "", refused=False, attempt=1, retry_in_s=1))
    assert len(log.lines) == 4


def test_every_refused_segment_is_news() -> None:
    """Lines about segments that failed their check are never left out, however many there are: each has its files."""
    log = _log("text")
    for number in range(100):
        log.reporter.take(SegmentRefused(SegmentId(RUN, number), "hq 43200", Path("/spool/refused"), 480_000))
    assert len(log.lines) == 100


def test_an_outage_s_losses_are_a_handful_of_lines() -> None:
    """Of ten minutes in which each segment is lost to listeners and archive: a line a minute, and the totals."""
    log = _log("text", "INFO")
    for number in range(61):
        segment = sealed_segment(number)
        lost = SamplesLost(segment.start, segment.samples, Cause.SPOOL_FULL, MissingFrom.ARCHIVE, segment.id)
        for event in (SegmentExpired(segment), SpoolOverflowed(segment), lost):
            log.reporter.take(event)
        log.clock.now_s += 10
    assert len(log.lines) == 2 * 11
    # what comes after a gap may be followed by another one
    log.reporter.take(SegmentPublished(60, sealed_segment(60), 480_000, 0.025, 0.02))
    assert not any("in time" in line for line in log.lines)
    log.reporter.take(SegmentPublished(61, sealed_segment(61), 0, 0.025, 0.02))
    log.reporter.take(SegmentArchived(sealed_segment(61), Path("/srv/a.flac")))
    assert [line.split(" INFO    ")[1] for line in log.lines if line.endswith(" 61")] == [
        "segments come in time for the window again; too late were 61",
        "the archive takes segments again; lost to it were 61",
    ]


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_the_level_decides_how_much_is_logged(level: str) -> None:
    """What is lighter than the level that was asked for is left out, and nothing else."""
    log = _log("text", level)
    for event, _, _ in EVENTS:
        log.reporter.take(event)
        log.clock.now_s += 61
    weights = ["DEBUG", "INFO", "WARNING", "ERROR"]
    expected = [weight for _, weight, _ in EVENTS if weights.index(weight) >= weights.index(level)]
    found = [line.split()[1] for line in log.lines if "FFmpeg's command" not in line]
    assert found == expected


@pytest.mark.parametrize("text", ["ü€", 'a "quoted" word', "back\\slash", "tab\there"])
def test_json_holds_any_text(text: str) -> None:
    """What FFmpeg or a store says comes out of the JSON as it went in."""
    log = _log("json")
    log.reporter.take(FFmpegSaid("error", text))
    assert json.loads(log.lines[0])["message"] == f"FFmpeg: {text}"


def test_json_is_one_line_whatever_is_said() -> None:
    """A line break inside a message does not break the line."""
    log = _log("json")
    log.reporter.take(StoreFailed("upload", "E", "first\nsecond", "", refused=True, attempt=1, retry_in_s=1))
    assert len(log.stream.getvalue().split("\n")) == 2
    assert "first\nsecond" in json.loads(log.lines[0])["message"]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_an_error_of_the_program_is_logged_whole(log_format: str) -> None:
    """A mistake of ours comes with its traceback, in JSON inside the same line."""
    log = _log(log_format)
    try:
        _ = 1 / 0
    except ZeroDivisionError:
        LOG.exception("it failed")
    assert "it failed" in log.lines[0]
    if log_format == "json":
        assert "ZeroDivisionError" in json.loads(log.lines[0])["exception"]
        assert len(log.lines) == 1
    else:
        assert log.lines[-1].startswith("ZeroDivisionError")


def test_libraries_are_silent_in_the_thread_of_the_alerts() -> None:
    """What a library says while it sends an alert may hold a password, and is nowhere; our own line is there."""
    log = _log("text", "DEBUG")

    def send() -> None:
        logging.getLogger("urllib3.connectionpool").warning("Retrying /bot/geheim")
        LOG.error("number 1 of 1 is not known")

    thread = threading.Thread(target=send, name=ALERTS_THREAD)
    thread.start()
    thread.join()
    (line,) = log.lines
    assert line.endswith("number 1 of 1 is not known")


def test_libraries_are_heard_when_something_is_wrong() -> None:
    """A library's warning is logged like our own lines, its chatter is not, nor watchdog's remark while it stops."""
    log = _log("text", "DEBUG")
    library = logging.getLogger("watchdog.observers.inotify")
    library.debug("chatter")
    library.info("chatter")
    library.warning("something is wrong")
    library.error("Emitting %s event when the thread is inactive", "a")
    logging.getLogger("urllib3").error("an event when the thread is inactive")
    assert len(log.lines) == 2
    assert log.lines[0].endswith("WARNING something is wrong")
    assert log.lines[1].endswith("an event when the thread is inactive")


@pytest.mark.parametrize(
    ("trouble", "end", "said"),
    [
        (
            ListenerLooked("it answers 404", "Ask.", 1),
            ListenerLooked("", "", 3),
            "listeners can play the station again",
        ),
        (
            ArchiveFailed(sealed_segment(7), "No space left (/srv)", 1.0),
            SegmentArchived(sealed_segment(7), Path("/srv/a.flac")),
            "the archive takes segments again",
        ),
        (
            SpoolFailed(SegmentId(RUN, 7), "No space left on device"),
            SegmentSealed(sealed_segment(7), 2.0),
            "the spool takes segments again",
        ),
        (
            KeepingFailed("Input/output error", Path("/srv")),
            ArchiveMeasured(1, 1.0, 0),
            "the recordings folder can be read again",
        ),
        (
            JoinFailed(RECORDING, "exit code is 1"),
            ArchiveMeasured(1, 1.0, 0, unreadable="/srv/a.flac: EIO"),
            "every hour could be joined again",
        ),
        (
            RecordingsPruned(0, 0, None, "/srv/a.flac: EPERM"),
            RecordingsPruned(1, 912_000_000, START),
            "retention can do its work again",
        ),
    ],
)
def test_the_end_of_a_trouble_is_said_once(
    caplog: pytest.LogCaptureFixture, trouble: Event, end: Event, said: str
) -> None:
    """What went on and is over has one line at its end; what never was wrong has none."""
    reporter = Reporter(SystemClock())
    with caplog.at_level("INFO", logger="radio"):
        for event in (end, trouble, trouble, end, end):
            reporter.take(event)
    assert [record.getMessage() for record in caplog.records].count(said) == 1
