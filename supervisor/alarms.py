"""The rules over the status: what needs attention that no single event tells, with hysteresis. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from supervisor.events import ANOTHER_WRITER, AlarmCleared, AlarmRaised, Severity
from supervisor.state import State
from supervisor.status import Snapshot

_MIN_S = 60.0
_WAITING = 2
"""One may be in hand when the next comes."""

_SAID_AGAIN_AFTER_S = 10 * _MIN_S
"""How long what an alarm says may differ from what is so: each time it is said again is a line of the log."""

_FREE_AGAIN = 0.98

_CLEARLY, _CLEARLY_GB = 0.02, 0.01
"""By how much more than its limit a disk has to have free to be well again: less than what retention leaves there."""

Verdict = Callable[[Snapshot], bool | None]
"""True when something is wrong, False when all is well, None when it is neither: then it stays what it was."""


@dataclass(frozen=True)
class Rule:
    """Raised when ``verdict`` says wrong for ``after_s``, over when it says well for ``over_after_s``."""

    code: str
    verdict: Verdict
    message: Callable[[Snapshot], str]
    remedy: str
    after_s: float = 0.0
    over_after_s: float = 0.0
    severity: Severity = Severity.WARNING


@dataclass(frozen=True)
class Rising:
    """Raised when ``count`` rises by ``least`` within ``within_s``, over when it did not rise at all for as long."""

    code: str
    count: Callable[[Snapshot], int]
    least: int
    within_s: float
    message: Callable[[int], str]
    remedy: str
    severity: Severity = Severity.WARNING


@dataclass(frozen=True)
class _Memory:
    """What is known of one rule: whether it is raised, and what it said when; its verdict since when, or its rises."""

    raised: bool = False
    said: str = ""
    said_at_s: float = 0.0
    verdict: bool | None = None
    verdict_since_s: float = 0.0
    counted: int | None = None
    rises: tuple[tuple[float, int], ...] = ()


@dataclass(frozen=True)
class Watched:
    """What all rules remember, by code."""

    of: Mapping[str, _Memory] = field(default_factory=dict)


def recalled(s: Snapshot) -> Watched:
    """What somebody knows who takes over while alarms of these rules stand in ``s``: they end when they are over."""
    standing = {alarm.code: alarm.message for alarm in s.alarms}
    return Watched({rule.code: _taken_over(rule, standing[rule.code], s) for rule in RULES if rule.code in standing})


def _taken_over(rule: Rule | Rising, said: str, s: Snapshot) -> _Memory:
    memory = _Memory(raised=True, said=said, said_at_s=s.uptime_s)
    if isinstance(rule, Rule):
        return memory
    return replace(memory, counted=rule.count(s), rises=((s.uptime_s, rule.least),))


def judged(before: Watched, s: Snapshot) -> tuple[Watched, tuple[AlarmRaised | AlarmCleared, ...]]:
    """What is remembered after looking at ``s``, and the alarms that begin and end with it; time is ``s.uptime_s``.

    One that stands is raised again when there is something else to say of it, every ten minutes at the most.
    """
    events: list[AlarmRaised | AlarmCleared] = []
    of: dict[str, _Memory] = {}
    for rule in RULES:
        known = before.of.get(rule.code, _Memory())
        memory, message = _ruled(rule, known, s) if isinstance(rule, Rule) else _counted(rule, known, s)
        if memory.raised and _is_to_say(known, message, s.uptime_s):
            memory = replace(memory, said=message, said_at_s=s.uptime_s)
            events.append(AlarmRaised(rule.code, message, rule.remedy, rule.severity))
        elif known.raised and not memory.raised:
            events.append(AlarmCleared(rule.code))
        of[rule.code] = memory
    return Watched(of), tuple(events)


def _is_to_say(known: _Memory, message: str, now_s: float) -> bool:
    return not known.raised or (message != known.said and now_s - known.said_at_s >= _SAID_AGAIN_AFTER_S)


def _ruled(rule: Rule, known: _Memory, s: Snapshot) -> tuple[_Memory, str]:
    verdict = rule.verdict(s)
    since_s = known.verdict_since_s if verdict is known.verdict else s.uptime_s
    for_s = s.uptime_s - since_s
    raised = known.raised
    if verdict is not None and for_s >= (rule.after_s if verdict else rule.over_after_s):
        raised = verdict
    return replace(known, raised=raised, verdict=verdict, verdict_since_s=since_s), rule.message(s) if raised else ""


def _counted(rule: Rising, known: _Memory, s: Snapshot) -> tuple[_Memory, str]:
    count = rule.count(s)
    risen = 0 if known.counted is None else count - known.counted
    fresh = tuple((at_s, by) for at_s, by in known.rises if s.uptime_s - at_s < rule.within_s)
    rises = (*fresh, (s.uptime_s, risen)) if risen > 0 else fresh
    total = sum(by for _, by in rises)
    raised = total >= rule.least or (known.raised and total > 0)
    # what is forgotten of it is no news
    message = rule.message(total) if risen > 0 else known.said
    return replace(known, raised=raised, counted=count, rises=rises), message


def _is_off_air(s: Snapshot) -> bool | None:
    match s.state:
        case State.OFF_AIR:  # whom another writer has replaced is off air himself, and listeners hear the other
            return not any(alarm.code == ANOTHER_WRITER for alarm in s.alarms)
        case State.STARTING:
            return s.uptime_s > s.setup.segment_s + s.setup.offline_after_s or None
        case State.ON_AIR | State.DEGRADED:
            return False
        case State.STOPPING:
            return None


def _is_silent(s: Snapshot) -> bool | None:
    if s.levels.silent_s >= s.setup.silence_s:
        return True
    return False if s.levels.peak_db and s.levels.silent_s == 0 else None


def _is_behind(s: Snapshot) -> bool:
    return s.queue_depth >= _WAITING


def _is_disk_low(s: Snapshot) -> bool | None:
    free_gb, limit_gb = s.archive.free_gb, s.setup.min_free_gb
    if free_gb is None:
        return None
    if free_gb < limit_gb:
        return True
    return False if free_gb >= limit_gb + min(_CLEARLY * limit_gb, _CLEARLY_GB) else None


def _is_clock_loose(s: Snapshot) -> bool | None:
    return None if s.clock.synchronised is None else not s.clock.synchronised


def _is_costly(s: Snapshot) -> bool | None:
    free = s.setup.class_a_free
    if free is None:
        return None
    if s.requests.class_a_forecast > free:
        return True
    return False if s.requests.class_a_forecast < _FREE_AGAIN * free else None


def _behind(s: Snapshot) -> str:
    if s.upload.mbit_s is None or s.upload.needed_mbit_s is None:
        return f"{s.queue_depth} segments wait to be published"
    rates = f"the last went at {s.upload.mbit_s:.1f} Mbit/s, {s.upload.needed_mbit_s:.1f} are needed"
    return f"{s.queue_depth} segments wait to be published: {rates}"


def _disk_low(s: Snapshot) -> str:
    return f"{s.archive.free_gb or 0:.1f} GB are free for recordings, {s.setup.min_free_gb:g} GB are to stay free"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _costly(s: Snapshot) -> str:
    forecast, free = s.requests.class_a_forecast, s.setup.class_a_free
    return f"{forecast:,} class A requests are forecast for this month, {free:,} are free"


RULES: tuple[Rule | Rising, ...] = (
    Rule(
        "off_air",
        _is_off_air,
        lambda s: f"listeners hear nothing: no segment was published for {s.setup.offline_after_s:g} s",
        "The other alarms and the log say why. It goes on air by itself as soon as the cause is gone.",
    ),
    Rule(
        "silence",
        _is_silent,
        lambda s: f"nothing louder than {s.setup.silence_db:g} dBFS for {s.setup.silence_s:g} s or longer",
        "Is the source playing, is its cable in, and are RADIO_INPUT_PAIR's inputs the right ones?",
        over_after_s=2.0,
    ),
    Rising(
        "clipping",
        lambda s: s.levels.clips,
        10,
        _MIN_S,
        lambda total: f"the input reached full scale {total} times within a minute",
        "Turn the input gain down by 6 dB or more; peaks at -6 dBFS leave room.",
    ),
    Rising(
        "xruns_rising",
        lambda s: s.capture.xruns,
        3,
        10 * _MIN_S,
        lambda total: f"{total} overruns of the device's buffer within ten minutes: samples were lost",
        "Give FFmpeg's process more priority (Nice=-10), take the card off a shared hub, see what else runs then.",
    ),
    Rule(
        "upload_behind",
        _is_behind,
        _behind,
        "If the store fails too, see to that first. Else free the uplink of other traffic, or get a faster one. The "
        "archive goes on, and the newest are sent first.",
        after_s=15.0,
        over_after_s=5.0,
    ),
    Rule(
        "disk_low",
        _is_disk_low,
        _disk_low,
        "Delete or move old recordings, set RADIO_RECORDINGS_KEEP_DAYS, or give the disk more room.",
        over_after_s=5.0,
    ),
    Rising(
        "archive_gap",
        lambda s: s.archive.gaps,
        1,
        60 * _MIN_S,
        lambda total: f"something went missing from the archive {_times(total)} within an hour",
        "It is over. 'radio-supervisor archive list' shows where, the ledger beside the recordings says why.",
        severity=Severity.NOTICE,
    ),
    Rule(
        "clock_unsynchronised",
        _is_clock_loose,
        lambda _: "nobody keeps this machine's clock in time",
        "'timedatectl set-ntp true', or install chrony. Times in names and in the manifest come from this clock.",
        after_s=10 * _MIN_S,
        severity=Severity.NOTICE,
    ),
    Rule(
        "requests_over_free",
        _is_costly,
        _costly,
        "Longer segments cost less: RADIO_SEGMENT_SECONDS=10 makes 777,600 in 30 days. Retries cost too.",
        over_after_s=_MIN_S,
    ),
)
"""Every rule; device, capture, store, archive and clock raise theirs by events of their own (``status``)."""
