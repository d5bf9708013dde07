"""The audit itself: whatever was done to the programme is heard."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.chaos.heard import PLAY_FRAMES, Heard, Piece, hear
from tests.chaos.invariants import Auditor, leaks
from tests.chaos.recordings import Recordings
from tests.rig.audio import Pcm
from tests.rig.numbered import numbered, numbers
from tests.rig.reader import Reader
from tests.rig.s3 import SECRET_KEY

FIRST = PLAY_FRAMES + 12_345


def test_every_frame_tells_its_number() -> None:
    """A frame is 24-bit stereo, unlike any other, and read back as the number that it was made from."""
    made = numbered(FIRST, 200_000)
    assert np.array_equal(numbers(made), np.arange(FIRST, FIRST + 200_000))
    assert made.min() >= -(2**23)
    assert made.max() < 2**23
    assert len(np.unique(made, axis=0)) == len(made)
    assert not numbers(np.zeros((5, 2), np.int32)).any()


def test_silence_around_the_programme_has_its_place() -> None:
    """Where a recording begins and ends in the programme is told, silent frames counted."""
    silence = np.zeros((700, 2), np.int32)
    heard = hear(np.concatenate([silence, numbered(FIRST, 1000), silence[:50]]))
    assert heard == Heard(lead=700, first=FIRST, last=FIRST + 999, tail=50, skipped=0, broken=0)
    assert (heard.begins_at, heard.ends_at) == (FIRST - 700, FIRST + 1050)
    assert hear(silence) == Heard(lead=700, first=0, last=0, tail=0, skipped=0, broken=0)


def _one_bit_less(pcm: Pcm) -> Pcm:
    changed = pcm.copy()
    changed[500, 1] ^= 1
    return changed


@pytest.mark.parametrize(
    "damaged",
    [
        lambda pcm: np.insert(pcm, 500, pcm[500], axis=0),
        _one_bit_less,
        lambda pcm: pcm[:, ::-1],
        lambda pcm: pcm & ~0xFF,
    ],
    ids=["repeated", "one-bit", "swapped", "16-bit"],
)
def test_damage_is_heard(damaged: Any) -> None:  # noqa: ANN401 - a function of arrays
    """A frame that is repeated or changed by its least bit is heard."""
    assert hear(numbered(FIRST, 1000)).broken == 0
    assert hear(damaged(numbered(FIRST, 1000))).broken > 0


def test_frames_that_are_lost_are_counted() -> None:
    """What is missing inside a recording is told to the frame, and is no damage."""
    heard = hear(np.delete(numbered(FIRST, 1000), [500, 501, 700], axis=0))
    assert (heard.skipped, heard.broken) == (3, 0)


class _Seen(Reader):
    """What a reader would have seen of the pieces of an archive; no bucket is behind it."""

    def __init__(self) -> None:
        self.manifests: list[dict[str, Any]] = []
        self.segments: dict[int, dict[str, Any]] = {}
        self.objects: dict[str, bytes] = {}
        self.violations: list[str] = []

    def see(self, piece: Piece, gap: int) -> None:
        index = len(self.segments)
        hq = {"key": f"hq{index}", "md5": piece.pcm_md5}
        self.segments[index] = {"index": index, "samples": 48_000, "gap": gap, "hq": hq, "lq": {"key": f"lq{index}"}}


def _piece(run: str, number: int, first: int) -> Piece:
    md5 = hashlib.md5(f"{run}.{number}".encode(), usedforsecurity=False).hexdigest()
    return Piece(run, number, 48_000, md5, Heard(0, first, first + 47_999, 0, 0, 0))


@pytest.mark.parametrize(
    ("second", "gap", "true"),
    [
        (_piece("a", 1, FIRST + 48_000), 0, True),
        (_piece("a", 1, FIRST + 48_000), 1, False),
        (_piece("a", 3, FIRST + 3 * 48_000), 2 * 48_000, True),
        (_piece("a", 3, FIRST + 3 * 48_000), 2 * 48_000 - 1, False),
        (_piece("b", 0, FIRST + 58_000), 14_700, True),
        (_piece("b", 0, FIRST + 58_000), 10_000 - 4_801, False),
        (_piece("b", 0, FIRST + 58_000), 10_000 + 4_801, False),
    ],
)
def test_a_gap_is_compared_to_the_programme(tmp_path: Path, second: Piece, gap: int, *, true: bool) -> None:
    """Within a run a gap is exact, between runs it is nearly right, or the audit says so."""
    recordings, seen = Recordings(tmp_path), _Seen()
    first = _piece("a", 0, FIRST)
    for piece, before in ((first, 0), (second, gap)):
        recordings.by_pcm[piece.pcm_md5] = piece
        seen.see(piece, before)
    assert (Auditor(seen, recordings).violations() == []) is true


def test_a_manifest_that_goes_back_is_seen(tmp_path: Path) -> None:
    """``latest`` never falls, from one audit to the next either, and no manifest names an index twice."""
    seen = _Seen()
    auditor = Auditor(seen, Recordings(tmp_path))
    seen.manifests += [{"latest": 7, "segments": []}, {"latest": 8, "segments": []}]
    assert auditor.violations() == []
    seen.manifests.append({"latest": 6, "segments": []})
    assert len(auditor.violations()) == 1
    seen.manifests.append({"latest": 9, "segments": [{"index": 9}, {"index": 9}]})
    assert len(auditor.violations()) == 1


def test_a_reader_tells_once(tmp_path: Path) -> None:
    """What a reader found is in one audit, the next, and never again."""
    seen = _Seen()
    auditor = Auditor(seen, Recordings(tmp_path))
    for number in itertools.islice(itertools.count(), 3):
        seen.violations.append(f"lie {number}")
        assert auditor.violations() == [f"lie {number}"]
    assert auditor.violations() == []


def test_a_secret_is_seen() -> None:
    """The secret key is found wherever it stands."""
    assert leaks(b"nothing", b"of note") == []
    assert leaks(b"nothing", f"x{SECRET_KEY}y".encode()) != []
