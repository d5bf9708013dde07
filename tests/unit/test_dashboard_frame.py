"""Frames: what the operator sees, made of snapshots alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.dashboard.frame import frame
from supervisor.dashboard.view import View, first, seen
from supervisor.events import AlarmRaised, Severity
from supervisor.status import Alarm, LogLine, Snapshot
from tests.rig.parts import ROOT
from tests.unit import pictures

GOLDEN = ROOT / "tests" / "unit" / "frames"
SIZES = [(80, 24), (160, 50)]
STATIONS: dict[str, Callable[[], Snapshot]] = {
    "well": pictures.well,
    "ill": pictures.ill,
    "dead": pictures.dead,
    "begun": pictures.begun,
}


def _lines(snapshot: Snapshot, width: int, height: int, now: datetime | None = None) -> list[str]:
    return _shown(first(snapshot, 100.0), width, height, now)


def _shown(view: View, width: int, height: int, now: datetime | None = None) -> list[str]:
    at = now or view.snapshot.updated_at + timedelta(seconds=2)
    return [line.plain for line in frame(view, width, height, at, "q leaves")]


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", pictures.VIEWS)
def test_a_frame_is_the_picture_that_was_approved(name: str, width: int, height: int) -> None:
    """Nothing of the picture changes unseen: each frame is the text that `make frames` wrote."""
    golden = GOLDEN / f"{name}-{width}x{height}.txt"
    assert _shown(pictures.VIEWS[name](), width, height) == golden.read_text(encoding="utf-8").split("\n")[:-1]


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_clipping_is_said_of_the_channel_that_clips(width: int) -> None:
    """The whole word stands on the row of the channel that reached full scale, and on no other."""
    lines = _shown(pictures.clipping(), width, 24)
    assert [line[:4] for line in lines if line.endswith(" RMS CLIP")] == ["  R "]
    assert [line[:4] for line in lines if "CL" in line] == ["  R "]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_everything_that_matters_is_there_at_home(width: int, height: int) -> None:
    """At 80x24 and above each panel that was promised has its numbers, and none of them is cut."""
    text = "\n".join(_lines(pictures.well(), width, height))
    for wanted in (
        *("ON AIR  my-radio  on air for 2 h 0 min", "no alarms", "-6.2 peak  -18.0 RMS", "-7.1 peak  -19.4 RMS"),
        *("-16.8 LUFS", "02841830", "sealed", "uploaded", "listed", "pruned", "29 ms p50, 32 ms p99", "13.4 Mbit/s"),
        *("needed 2.16", "queue 0", "retries 0", "offset -0.3 ms", "store +12.0 ms", "audio +12.3 ppm", "restarts 0"),
        *(
            "alsa:hw:CARD=UMC404HD",
            "xruns 0",
            "free 412.6 GB",
            "gaps today 0",
            "this month 2,163",
            "class A, 1,000,000 free",
        ),
        *("forecast 190,341, 19 %", "lost samples", "published 02841830 (10 s)", "q leaves"),
    ):
        assert wanted in text, wanted


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_trouble_comes_with_its_remedy(width: int, height: int) -> None:
    """Alarms push other things away, and say since when, what, and what to do."""
    text = re.sub(r"\s+", " ", " ".join(_lines(pictures.ill(), width, height)))
    for wanted in (
        *("▲ ON AIR, needs attention", "2 alarms", "store_upload_failing (15:46:40, 4 s): upload failed"),
        *("(RequestTimeTooSkewed): the difference is too large", "→ Check this machine's clock first."),
        *("silence (15:46:41, 3 s): nothing louder than -60 dBFS for 25 s", "→ Is the source playing", "waiting"),
        *("xrun 74,212", "forecast", "last error RequestTimeTooSkewed", "xruns 0"),
    ):
        assert wanted in text, wanted


@pytest.mark.parametrize("count", range(1, 8))
def test_no_alarm_takes_the_place_of_another(count: int) -> None:
    """At home each alarm has its line, and up to four have their remedy too, however much the first has to say."""
    long = "word " * 60
    raised = [(30.0, AlarmRaised(f"alarm_{number}", long, f"Remedy {number} {long}")) for number in range(count)]
    lines = _lines(pictures.replayed(*pictures.life(4), *raised), 80, 24)
    assert [line.split()[1] for line in lines if line.startswith(" ▲ alarm_")] == [f"alarm_{n}" for n in range(count)]
    remedies = [line for line in lines if "→ Remedy" in line]
    assert len(remedies) == count if count <= 4 else 1 <= len(remedies) < count
    if count > 1:
        assert all(line.rstrip().endswith("…") for line in remedies)


def test_what_is_only_to_know_comes_last() -> None:
    """A notice has its own sign, and stands below what is wrong now."""
    notice = AlarmRaised("archive_gap", "once something is missing", "Look where.", Severity.NOTICE)
    silence = AlarmRaised("silence", "nothing is heard", "Is it playing?")
    snapshot = pictures.replayed(*pictures.life(2), (30.0, notice), (31.0, silence))
    lines = [line for line in _lines(snapshot, 80, 24) if line.startswith((" ▲ silence", " △ archive_gap"))]
    assert [line.split()[:2] for line in lines] == [["▲", "silence"], ["△", "archive_gap"]]
    alone = _lines(pictures.replayed(*pictures.life(2), (30.0, notice)), 80, 24)
    assert alone[0].startswith(" ● ON AIR  my-radio")


def test_shapes_say_what_colours_say() -> None:
    """Without any colour the states, the alarms and the stages of a segment are told apart."""
    symbols = [_lines(make(), 80, 24)[0].split()[0] for make in STATIONS.values()]
    assert len(set(symbols)) == len(symbols)
    body = _lines(pictures.well(), 80, 24)
    assert any(line.startswith(" ● ") for line in body[5:])
    assert any(line.startswith(" ○ ") for line in _lines(pictures.well(), 80, 30)[5:])


def test_no_background_is_ever_set() -> None:
    """The picture is as readable on a light background as on a dark one: it sets none, and only the 16 colours."""
    for make in STATIONS.values():
        snapshot = make()
        for line in frame(first(snapshot, 100.0), 160, 50, snapshot.updated_at, "q"):
            for style in (line.style, *(span.style for span in line.spans)):
                assert set(str(style).split()) <= {"", "bold", "dim", "not", "red", "yellow", "green"}


def test_a_station_that_does_not_answer_is_said_to() -> None:
    """The last that was known stays, and beside it for how long nothing was heard."""
    view = seen(first(pictures.well(), 100.0), None, 112.0)
    assert "no answer for 12 s" in frame(view, 80, 24, pictures.BEGAN, "q")[0].plain


def test_a_letter_of_another_s_cannot_move_the_cursor() -> None:
    """Control characters in FFmpeg's words or in a store's message are not sent to the terminal."""
    alarm = Alarm(code="x", since=pictures.BEGAN, seen=pictures.BEGAN, message="\x1b[2Jboo\r\nhoo\x07", remedy="\x9b1A")
    text = "".join(_lines(pictures.well().model_copy(update={"alarms": (alarm,)}), 80, 24))
    assert "boo" in text
    assert all(character.isprintable() for character in text)


@pytest.mark.parametrize("height", range(4, 24))
def test_what_has_no_room_is_left_out_by_its_weight(height: int) -> None:
    """In a low window the state and the alarms are the last to go."""
    lines = _lines(pictures.ill(), 80, height)
    assert "needs attention" in lines[0]
    if height >= 8:
        assert any("store_upload_failing" in line for line in lines)


texts = st.text(max_size=200)
numbers = st.floats(-1e12, 1e12)
counts = st.integers(0, 10**15)
alarm = st.builds(
    Alarm, code=texts, since=st.just(pictures.BEGAN), seen=st.just(pictures.BEGAN), message=texts, remedy=texts
)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Snapshots of stations that are anything but well."""
    s = draw(st.sampled_from(list(STATIONS.values())))()
    channels = draw(st.integers(0, 9))
    peaks = tuple(draw(st.lists(numbers, min_size=channels, max_size=channels)))
    return s.model_copy(
        update={
            "station": draw(texts),
            "queue_depth": draw(counts),
            "spool_bytes": draw(counts),
            "alarms": tuple(draw(st.lists(alarm, max_size=5))),
            "levels": s.levels.model_copy(
                update={"peak_db": peaks, "rms_db": peaks, "silent_s": draw(st.floats(0, 1e7))}
            ),
            "clock": s.clock.model_copy(update={"offset_ms": draw(numbers), "audio_ppm": draw(numbers)}),
            "upload": s.upload.model_copy(update={"last_error": draw(texts), "errors": draw(counts)}),
            "archive": s.archive.model_copy(update={"current": draw(texts), "free_gb": draw(numbers)}),
            "log": (LogLine(at=s.updated_at, level=draw(texts), text=draw(texts)),),
            "lost": s.lost.model_copy(update={"samples": draw(counts), "by_cause": {draw(texts): draw(counts)}}),
            "recent": tuple(
                times.model_copy(update={"listed_ms": draw(numbers), "gap_s": draw(numbers), "index": draw(counts)})
                for times in s.recent[:4]
            ),
        }
    )


@given(snapshots(), st.integers(20, 220), st.integers(4, 70), st.integers(-(10**8), 10**8))
def test_a_frame_always_fits(snapshot: Snapshot, width: int, height: int, later_s: int) -> None:
    """Whatever a station tells and however small or large the window: no error, and nothing sticks out."""
    now = snapshot.updated_at + timedelta(seconds=later_s)
    lines = frame(first(snapshot, 100.0), width, height, now, "q leaves")
    assert len(lines) == height
    assert all(line.cell_len <= width for line in lines)
    assert [line.plain for line in lines if line.plain and not line.plain.isprintable()] == []


@given(snapshots(), st.sampled_from(SIZES))
def test_no_number_is_cut(snapshot: Snapshot, size: tuple[int, int]) -> None:
    """A fact is shown whole or not at all: an ellipsis never stands behind a digit of a panel's number."""
    without_texts = {
        "station": "radio",
        "alarms": (),
        "log": (),
        "upload": snapshot.upload.model_copy(update={"last_error": None}),
        "archive": snapshot.archive.model_copy(update={"current": None}),
        "lost": pictures.begun().lost,
    }
    numbers_only = snapshot.model_copy(update=without_texts)
    for line in _lines(numbers_only, *size):
        assert not re.search(r"\d…", line), line
