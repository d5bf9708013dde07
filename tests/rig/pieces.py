"""An archive of pieces as a station leaves it: a known programme through the real encoder and the real sealing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from ffmpeg_profiles.digest import pcm_md5
from supervisor.names import SegmentId, parse_recorded, piece_name
from supervisor.recordings.catalogue import Found, Recorded, find, read
from supervisor.sealing.tags import place_tags
from supervisor.segments import SealedHq, SealedLq, SealedSegment
from tests.rig.audio import Pcm, decode_flac
from tests.rig.sealing import SealedFiles, seal, seal_last, with_tags
from tests.unit.takes import RATE, Take

STATION = "radio"


@dataclass(frozen=True)
class Sealed:
    """A segment of a take, sealed as the station seals it."""

    segment: SealedSegment
    pair: SealedFiles


def sealed(take: Take, start: datetime, run: str, boot_s: float = 1000.0, boot: str = "6a1f") -> list[Sealed]:
    """Every segment of a take, as if its run had begun at ``start``."""
    made = []
    for number in range(take.full_segments + 1):
        first = number * take.full_samples
        if number < take.full_segments:
            pair: SealedFiles | None = seal(take.pair(number), first, take.full_samples)
        else:
            pair = seal_last(take.pair(number), first, take.full_samples, lambda flac: pcm_md5(take.ffmpeg, flac))
        if pair is not None:
            made.append(Sealed(_segment(pair, number, first, start, run, boot_s, boot), pair))
    return made


def archived(root: Path, segments: Iterable[Sealed]) -> list[Path]:
    """The segments as pieces in an archive."""
    paths = []
    for one in segments:
        s = one.segment
        path = root / s.start.strftime("%Y/%m/%d") / piece_name(STATION, s.start, SegmentId(s.run, s.number))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(with_tags(one.pair.hq, place_tags(STATION, s.place)))
        paths.append(path)
    return paths


def files(root: Path) -> list[Found]:
    """Everything that is in an archive, oldest first."""
    return list(find(root, STATION))


def heads(root: Path) -> list[Recorded]:
    """The heads of everything that is whole in an archive."""
    return [read(found) for found in files(root) if not found.name.damaged]


def heard(paths: Iterable[Path]) -> Pcm:
    """The files one after the other, decoded by the reference decoder, which checks each MD5."""
    return np.concatenate([np.zeros((0, 2), np.int32), *(decode_flac(path.read_bytes()) for path in paths)])


def recording_paths(root: Path) -> list[Path]:
    """The recordings; fails when a piece is left."""
    found = files(root)
    assert [one.path.name for one in found if one.is_piece] == []
    return [one.path for one in found if parse_recorded(STATION, one.path.name) and not one.name.damaged]


def _segment(
    pair: SealedFiles, number: int, first: int, start: datetime, run: str, boot_s: float, boot: str
) -> SealedSegment:
    began_s = first / RATE
    return SealedSegment(
        run=run,
        number=number,
        first_sample=first,
        samples=pair.samples,
        sample_rate=RATE,
        start=start + timedelta(seconds=began_s),
        start_boottime_s=boot_s + began_s,
        closed_boottime_s=boot_s + began_s + pair.samples / RATE,
        boot_id=boot,
        hq=SealedHq(bytes=len(pair.hq), md5=pair.md5),
        lq=SealedLq(bytes=len(pair.lq), preroll=pair.preroll),
    )
