"""What must be true after any fault, seen from outside: manifests, the sound in bucket and archive, the losses."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.chaos.heard import SEGMENT_SAMPLES, Piece, pcm_md5
from tests.chaos.recordings import Recordings
from tests.rig.audio import decode_flac, decode_opus
from tests.rig.parts import eventually
from tests.rig.radio import Radio
from tests.rig.reader import Reader
from tests.rig.s3 import SECRET_KEY, Bucket

GAP_TOLERANCE_SAMPLES = 4_800
"""What a gap between two runs may differ from the true one. The target of 20 ms is for a benchmark, and for runs that
had time to find their place: here machines are busy and runs a second old."""

SKIP_TOLERANCE_SAMPLES = 2_400
"""What a device may lose inside a run without a word, and nobody finds out."""

Entry = dict[str, Any]


class Auditor:
    """Goes through everything that a reader saw and that was archived since the last audit."""

    def __init__(self, reader: Reader, recordings: Recordings) -> None:
        self._reader = reader
        self._recordings = recordings
        self._told = 0
        self._manifests = 0
        self._previous: tuple[Entry, Piece] | None = None
        self._audited = -1
        self._life_begins_at = 0
        self.gap_errors: list[int] = []
        self.gap_tolerance_samples = GAP_TOLERANCE_SAMPLES
        self._told_inside: Counter[str] = Counter()
        self._gaps: Counter[str] = Counter()
        self.stood_still_samples = 0
        """How long the device, and with it the programme, did not go on; the next gap may be longer by so much."""

    def new_life(self) -> None:
        """From now on another process counts what is lost."""
        self._life_begins_at = max(self._reader.segments, default=-1) + 1

    def violations(self) -> list[str]:
        """What is untrue of the manifests, the archive and the published sound."""
        indices = sorted(index for index in list(self._reader.segments) if index > self._audited)
        entries = [self._reader.segments[index] for index in indices]
        self._await_archive(entries)
        told = [*self._reader.violations, *self._recordings.violations]
        found = [*told[self._told :], *self._untrue_of_manifests()]
        self._told = len(told)
        for entry in entries:
            found += self._untrue_of(entry)
            self._audited = entry["index"]
        return found

    def untold_skips(self) -> list[str]:
        """Whether what devices lost inside of runs was told; of a station at rest, for it takes seconds to be sure."""
        pairs = {run: (skipped, self._told_inside[run]) for run, skipped in self._recordings.skipped.items()}
        return [
            f"{run} lost {skipped} samples inside, and {told} were told"
            for run, (skipped, told) in sorted(pairs.items())
            if abs(skipped - told) > SKIP_TOLERANCE_SAMPLES
        ]

    def untold_losses(self, radio: Radio) -> list[str]:
        """Whether the gaps of this life's manifests add up to what its status tells as lost; of a station on air."""
        status = radio.status()
        latest, told = status["latest"], status["lost"]["samples"]
        eventually(lambda: latest in self._reader.segments, 10, f"segment {latest} was seen in a manifest")
        seen = list(self._reader.segments.items())
        gaps = sum(entry["gap"] for index, entry in seen if self._life_begins_at <= index <= latest)
        by_cause = sum(status["lost"]["by_cause"].values())
        return [] if gaps == told == by_cause else [f"gaps are {gaps}, lost are {told}, by cause {by_cause}"]

    def untold_in(self, ledger: Path) -> list[str]:
        """Whether the lines of the ledger add up to the gap of every segment ever published; of a station at rest."""
        told = _told_by_segment(ledger)
        return [
            f"the gap before {segment} is {self._gaps[segment]}, {told[segment]} by the ledger"
            for segment in sorted(self._gaps.keys() | told.keys())
            if self._gaps[segment] != told[segment]
        ]

    def all_told_in(self, ledger: Path) -> bool:
        """Whether the ledger has every gap that was audited; of a station on air, whose ledger may be further."""
        told = _told_by_segment(ledger)
        return all(told[segment] == gap for segment, gap in self._gaps.items())

    def _await_archive(self, entries: list[Entry]) -> None:
        def complete() -> bool:
            self._recordings.listen()
            return all(entry["hq"]["md5"] in self._recordings.by_pcm for entry in entries)

        eventually(complete, 20, "everything published is in the archive")

    def _untrue_of_manifests(self) -> Iterator[str]:
        manifests = self._reader.manifests[max(0, self._manifests - 1) :]
        self._manifests += max(0, len(manifests) - 1)
        for manifest in manifests:
            indices = [entry["index"] for entry in manifest["segments"]]
            if indices != sorted(set(indices)) or (indices and indices[-1] > manifest["latest"]):
                yield f"a manifest names {indices}, latest {manifest['latest']}"
        for earlier, later in pairwise(manifests):
            if later["latest"] < earlier["latest"]:
                yield f"latest went from {earlier['latest']} to {later['latest']}"

    def _untrue_of(self, entry: Entry) -> Iterator[str]:
        piece = self._recordings.by_pcm[entry["hq"]["md5"]]
        self._gaps[f"{piece.run}.{piece.number:08d}"] = entry["gap"]
        yield from self._untrue_of_objects(entry, piece)
        if self._previous is not None:
            yield from self._untrue_gap(*self._previous, entry, piece)
        self._previous = entry, piece

    def _untrue_of_objects(self, entry: Entry, piece: Piece) -> Iterator[str]:
        """Compares both objects to the archived file; an audit needs their bytes once."""
        hq, lq = (self._reader.objects.get(entry[quality]["key"]) for quality in ("hq", "lq"))
        if piece.samples != entry["samples"]:
            yield f"segment {entry['index']} has {piece.samples} samples, not {entry['samples']}"
        if hq and pcm_md5(decode_flac(hq)) != piece.pcm_md5:
            yield f"segment {entry['index']} is not what was archived"
        if lq and len(decode_opus(lq)) != entry["samples"]:
            yield f"segment {entry['index']} has {len(decode_opus(lq))} samples in LQ, not {entry['samples']}"
        for quality in ("hq", "lq"):
            self._reader.forget(entry[quality]["key"])

    def _untrue_gap(self, before: Entry, piece_before: Piece, entry: Entry, piece: Piece) -> Iterator[str]:
        gap = entry["gap"]
        if piece.run == piece_before.run:
            counted = (piece.number - piece_before.number) * SEGMENT_SAMPLES - piece_before.samples
            self._told_inside[piece.run] += gap - counted
            if gap != counted and not self._recordings.skipped[piece.run]:
                yield f"between {before['index']} and {entry['index']} are {counted} samples, not {gap}"
        elif piece.heard.same_play(piece_before.heard):
            missing = piece.heard.begins_at - piece_before.heard.ends_at
            most, self.stood_still_samples = missing + self.stood_still_samples, 0
            self.gap_errors.append(gap - missing)
            if not missing - self.gap_tolerance_samples <= gap <= most + self.gap_tolerance_samples:
                yield f"between {before['index']} and {entry['index']} are {missing} samples, not about {gap}"


def losses_in(ledger: Path) -> list[dict[str, Any]]:
    """The whole lines of a ledger that may be written just now, oldest first."""
    text = ledger.read_text(encoding="utf-8") if ledger.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def _told_by_segment(ledger: Path) -> Counter[str]:
    told: Counter[str] = Counter()
    for loss in losses_in(ledger):
        told[loss["segment"]] += loss["samples"] if loss["missing_from"] == "stream" else 0
    return told


def strays(bucket: Bucket, reader: Reader) -> list[str]:
    """What a bucket at rest holds beside the manifest and what it names, and what of that it lacks."""
    named = {entry[quality]["key"] for entry in reader.manifests[-1]["segments"] for quality in ("hq", "lq")}
    return sorted(set(bucket.keys()) ^ {*named, "live/manifest.json"})


def leaks(*outputs: bytes) -> list[str]:
    """Whether a secret stands in what anybody may read."""
    return ["the secret key was shown"] * any(SECRET_KEY.encode() in output for output in outputs)
