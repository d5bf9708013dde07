"""What an FFmpeg program can do, and whether it can do what a command asks of it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ffmpeg_profiles.environment import child_environment
from ffmpeg_profiles.profile import Output, Source

OLDEST = (5, 1)
"""The oldest FFmpeg that this project is tested with."""

_QUESTIONS = {
    "bitstream filter": "-bsfs",
    "demuxer": "-demuxers",
    "encoder": "-encoders",
    "filter": "-filters",
    "muxer": "-muxers",
}
_IS_A_DEVICE = "d"
"""FFmpeg 7 has this flag in a column of its own."""

_VERSION = re.compile(r"^ffmpeg version (\S+)", re.MULTILINE)
_ALONE = re.compile(r"\w+")
_ASKED_BY = (("c:a", "encoder"), ("bsf:a", "bitstream filter"), ("f", "muxer"), ("segment_format", "muxer"))


class FFmpegUnusableError(Exception):
    """FFmpeg is missing, too old, or was built without something that is needed; the message names it."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what} {remedy}")
        self.what = what
        self.remedy = remedy


@dataclass(frozen=True)
class Need:
    """One component by kind (demuxer, encoder, filter, bitstream filter, muxer) and name."""

    kind: str
    name: str


def needs(source: Source, outputs: Iterable[Output]) -> frozenset[Need]:
    """Everything that reading ``source`` into ``outputs`` asks of FFmpeg."""
    found = {Need("filter", name) for name in ("aformat", "asetpts", "asplit")}
    found |= {Need("filter", step.name) for step in source.filters}
    if "f" in source.options:
        found.add(Need("demuxer", str(source.options["f"])))
    for output in outputs:
        found |= {Need("filter", step.name) for step in output.filters}
        for option, kind in _ASKED_BY:
            if option in output.options:
                found.add(Need(kind, str(output.options[option]).partition("=")[0]))
    return frozenset(found)


def version(executable: str) -> tuple[str, tuple[int, int] | None]:
    """The version FFmpeg prints, and its major and minor number (None for a build from git without one).

    Raises:
        FFmpegUnusableError: the program cannot be run.
    """
    return _version_in(_ask(executable, "-version").stdout)


def require(executable: str, wanted: Iterable[Need]) -> str:
    """Checks version and components, and returns the version.

    Raises:
        FFmpegUnusableError: names what is wrong and what to do.
    """
    listings = _listings(executable)
    printed, numbers = _version_in(listings["encoder"].stderr)
    if numbers is not None and numbers < OLDEST:
        raise FFmpegUnusableError(
            f"FFmpeg {printed} is too old: {OLDEST[0]}.{OLDEST[1]} or newer is needed.", "Install a newer ffmpeg."
        )
    if lacking := _not_in(listings, wanted):
        names = ", ".join(f"{need.kind} {need.name}" for need in lacking)
        raise FFmpegUnusableError(
            f"FFmpeg {printed} ({executable}) was built without: {names}.",
            "The package 'ffmpeg' of Debian and Ubuntu has them.",
        )
    return printed


def _listings(executable: str) -> dict[str, subprocess.CompletedProcess[str]]:
    """What FFmpeg has of each kind; the version is in the banner of each."""
    # each question starts the program anew: asked at once, the answers cost the time of one
    with ThreadPoolExecutor(thread_name_prefix="ffmpeg-components") as asking:
        asked = {kind: asking.submit(_ask, executable, question) for kind, question in _QUESTIONS.items()}
    return {kind: answer.result() for kind, answer in asked.items()}


def _not_in(listings: Mapping[str, subprocess.CompletedProcess[str]], wanted: Iterable[Need]) -> list[Need]:
    there = {kind: _names(listing.stdout) for kind, listing in listings.items()}
    return sorted((n for n in set(wanted) if n.name not in there[n.kind]), key=lambda n: (n.kind, n.name))


def _version_in(banner: str) -> tuple[str, tuple[int, int] | None]:
    told = _VERSION.search(banner)
    printed = told[1] if told else "without a version"
    numbers = re.match(r"n?(\d+)\.(\d+)", printed)
    return printed, (int(numbers[1]), int(numbers[2])) if numbers else None


def _ask(executable: str, question: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - the operator's own ffmpeg
            [executable, question],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
            env=child_environment(),
        )
    except FileNotFoundError:
        raise FFmpegUnusableError(
            f"there is no FFmpeg ('{executable}' was not found).", "Install it: apt-get install ffmpeg"
        ) from None
    except (OSError, subprocess.SubprocessError) as error:
        raise FFmpegUnusableError(
            f"'{executable}' could not be run: {error}", "Is it FFmpeg? Try: ffmpeg -version"
        ) from error


def _names(listing: str) -> frozenset[str]:
    """The names in a listing of FFmpeg: after the flags, where several share a line they are separated by commas.

    Bitstream filters are listed without flags, each alone on its line.
    """
    names: set[str] = set()
    for line in listing.splitlines():
        first, _, rest = line.strip().partition(" ")
        if rest and not rest.lstrip().startswith("="):
            columns = [column for column in rest.split() if column != _IS_A_DEVICE]
            names.update(columns[0].split(",") if columns else ())
        elif _ALONE.fullmatch(first):
            names.add(first)
    return frozenset(names)
