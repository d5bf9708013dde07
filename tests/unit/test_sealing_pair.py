"""Pairs: sealed when all three files agree, refused when they do not, saved to the last whole frame when cut off."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.flac import FLAC

from ffmpeg_profiles.digest import pcm_md5
from supervisor.sealing.damage import DamagedError
from tests.rig.audio import Pcm, decode_flac, flac_is_perfect, opus_packets
from tests.rig.parts import need
from tests.rig.sealing import RawFiles, SealedFiles, frames, saved_stream, seal, seal_last, whole_frames
from tests.unit.ogg import random_packets, raw_segment
from tests.unit.takes import Take, run

FRAME = 4_800
PACKET = 960


def _md5(pcm: Pcm) -> str:
    """The MD5 of PCM as 24 bit little-endian, by the test's own arithmetic."""
    wide = pcm.astype("<i4").view(np.uint8).reshape(-1, 4)
    return hashlib.md5(wide[:, :3].tobytes(), usedforsecurity=False).hexdigest()


def _never(_: bytes) -> str:
    pytest.fail("nothing has to be decoded here")


@dataclass
class _Decoder:
    """Takes the MD5 by decoding, and counts how often."""

    ffmpeg: str
    used: int = 0

    def __call__(self, data: bytes) -> str:
        self.used += 1
        return pcm_md5(self.ffmpeg, data)


def _assert_publishable(sealed: SealedFiles, pcm: Pcm, folder: Path) -> None:
    """Both files decode alone to exactly ``pcm``, as others decode them, and tell the truth about themselves."""
    need("flac", "ffmpeg")
    assert sealed.samples == len(pcm)
    assert sealed.md5 == _md5(pcm)
    hq, lq = folder / "sealed.flac", folder / "sealed.opus"
    hq.write_bytes(sealed.hq)
    lq.write_bytes(sealed.lq)
    assert flac_is_perfect(hq)
    assert np.array_equal(decode_flac(sealed.hq), pcm)
    info = FLAC(BytesIO(sealed.hq)).info
    assert (info.total_samples, info.md5_signature) == (len(pcm), int(sealed.md5, 16))
    sound = run(["ffmpeg", "-v", "warning", "-c:a", "libopus", "-i", str(lq), "-f", "f32le", "-"])
    assert len(sound) == len(pcm) * 2 * 4


def test_a_full_segment_is_sealed(take: Take, tmp_path: Path) -> None:
    """Every full segment becomes a pair that decodes alone to exactly what was captured."""
    for number in range(take.full_segments):
        sealed = seal(take.pair(number), number * take.full_samples, take.full_samples)
        _assert_publishable(sealed, take.captured(number), tmp_path)
        assert sealed.preroll == (15_360 if number else 0)


def test_the_pre_roll_is_the_end_of_the_segment_before(take: Take) -> None:
    """In front of a segment are the last 16 packets of the one before; nothing else is added or changed."""
    first = opus_packets(take.lq(0))[2:]
    second = opus_packets(take.lq(1))[2:]
    assert opus_packets(seal(take.pair(0), 0, take.full_samples).lq)[2:] == first
    sealed = seal(take.pair(1), take.full_samples, take.full_samples)
    assert opus_packets(sealed.lq)[2:] == first[-16:] + second


def test_sealing_again_gives_the_same(take: Take) -> None:
    """Sealing is a function of the files: after a crash it comes out the same."""
    again = [seal(take.pair(1), take.full_samples, take.full_samples) for _ in range(2)]
    assert again[0] == again[1]


Spoil = Callable[[Take, RawFiles], RawFiles]

SPOILT: dict[str, Spoil] = {
    "hq is missing": lambda _, raw: replace(raw, hq=b""),
    "lq is missing": lambda _, raw: replace(raw, lq=b""),
    "check is missing": lambda _, raw: replace(raw, check=b""),
    "check is not finished": lambda _, raw: replace(raw, check=raw.check[:-1]),
    "check is of another segment": lambda take, raw: replace(raw, check=take.check(0)),
    "check is of fewer samples": lambda _, raw: replace(raw, check=_of_one_sample(raw.check)),
    "hq is of another length": lambda take, raw: replace(raw, hq=take.hq(2)),
    "hq is cut off": lambda _, raw: replace(raw, hq=raw.hq[:-1]),
    "hq has one frame less": lambda _, raw: replace(raw, hq=raw.hq[: whole_frames(raw.hq)[-2].end]),
    "hq has a damaged byte": lambda _, raw: replace(raw, hq=raw.hq[:-5000] + b"\x55" + raw.hq[-4999:]),
    "hq has a byte too many": lambda _, raw: replace(raw, hq=raw.hq + b"\x01"),
    "lq is of the segment before": lambda take, raw: replace(raw, lq=take.lq(0)),
    "lq is of another length": lambda take, raw: replace(raw, lq=take.lq(2)),
    "lq is cut off": lambda _, raw: replace(raw, lq=raw.lq[:-1]),
    "lq has lost its last page": lambda _, raw: replace(raw, lq=raw.lq[: raw.lq.rindex(b"OggS")]),
    "lq has lost a page inside": lambda _, raw: replace(raw, lq=_without_third_page(raw.lq)),
    "lq is damaged": lambda _, raw: replace(raw, lq=raw.lq.replace(b"OggS", b"OggX")),
    "lq has a damaged byte": lambda _, raw: replace(raw, lq=raw.lq[:-500] + bytes([raw.lq[-500] ^ 1]) + raw.lq[-499:]),
    "lq is the flac file": lambda _, raw: replace(raw, lq=raw.hq),
}  # fmt: skip


def _of_one_sample(check: bytes) -> bytes:
    return re.sub(rb"\d+, +\d+, (\w{32})", rb"1, 6, \1", check)


def _without_third_page(lq: bytes) -> bytes:
    begin = lq.index(b"OggS", lq.index(b"OpusTags"))
    end = lq.find(b"OggS", begin + 1)
    return lq[:begin] + (lq[end:] if end > 0 else b"")


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_segment_whose_files_do_not_agree_is_refused(take: Take, spoil: Spoil) -> None:
    """Whatever is missing, cut off, damaged or of another segment: the pair is refused, never published."""
    raw = take.pair(1)
    spoilt = spoil(take, raw)
    assert spoilt != raw
    with pytest.raises(DamagedError):
        seal(spoilt, take.full_samples, take.full_samples)


def test_a_refusal_says_what_was_counted(short_take: Take) -> None:
    """The message names all four counts, so that it can be told which file is wrong."""
    with pytest.raises(DamagedError, match="full 48000, check 48000, hq 43200, lq 48000"):
        seal(SPOILT["hq has one frame less"](short_take, short_take.pair(1)), 48_000, 48_000)


@pytest.mark.parametrize(("first", "full"), [(0, 48_000), (96_000, 48_000), (48_000, 96_000), (48_001, 48_000)])
def test_a_segment_in_another_place_is_refused(short_take: Take, first: int, full: int) -> None:
    """A whole segment that stands elsewhere in its run than its name says is refused."""
    with pytest.raises(DamagedError):
        seal(short_take.pair(1), first, full)


def test_a_damaged_neighbour_costs_the_pre_roll_at_most(short_take: Take, tmp_path: Path) -> None:
    """A segment is publishable without the file before it: only the join is not seamless."""
    sealed = seal(replace(short_take.pair(1), previous_lq=b"OggS"), 48_000, 48_000)
    assert sealed.preroll == 0
    _assert_publishable(sealed, short_take.captured(1), tmp_path)


def test_the_end_of_a_run_is_sealed_where_both_qualities_are_whole(take: Take, tmp_path: Path) -> None:
    """A run that ended cleanly is sealed to its last sample, with the check that FFmpeg wrote."""
    last = take.full_segments
    sealed = seal_last(take.pair(last), last * take.full_samples, take.full_samples, _never)
    assert sealed is not None
    assert sealed.preroll == 15_360
    _assert_publishable(sealed, take.captured(last), tmp_path)


def test_a_full_segment_may_be_the_last(take: Take, tmp_path: Path) -> None:
    """A run may end with a full segment."""
    sealed = seal_last(take.pair(1), take.full_samples, take.full_samples, _never)
    assert sealed == seal(take.pair(1), take.full_samples, take.full_samples)
    _assert_publishable(sealed, take.captured(1), tmp_path)


@pytest.mark.parametrize("hq_bytes", [0, 3, 100, 8_200, 9_000])
def test_nothing_is_sealed_where_no_sample_is_whole(short_take: Take, hq_bytes: int) -> None:
    """A run that ended right after a border leaves nothing to publish, however its files look."""
    raw = short_take.pair(1)
    assert seal_last(replace(raw, hq=raw.hq[:hq_bytes]), 48_000, 48_000, _never) is None


@pytest.mark.parametrize("lq_bytes", [0, 3, 60, 130])
def test_nothing_is_sealed_without_the_other_quality(short_take: Take, lq_bytes: int) -> None:
    """A segment that listeners of one quality would miss is not published."""
    raw = short_take.pair(1)
    assert seal_last(replace(raw, lq=raw.lq[:lq_bytes]), 48_000, 48_000, _never) is None


def test_an_empty_segment_is_none(short_take: Take) -> None:
    """The empty files that a run may end with are no segment."""
    assert seal_last(RawFiles(b"", b"", b"", short_take.lq(2)), 144_000, 48_000, _never) is None


@settings(max_examples=25)
@given(data=st.data())
def test_a_run_that_was_killed_is_saved_to_its_last_whole_frame(
    take: Take, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whichever bytes were written when FFmpeg was killed, the pair is cut to what is whole in both, and decodes."""
    raw = take.pair(1)
    hq_bytes = data.draw(st.integers(0, len(raw.hq)), "hq")
    lq_bytes = data.draw(st.integers(0, len(raw.lq)), "lq")
    cut = replace(raw, hq=raw.hq[:hq_bytes], lq=raw.lq[:lq_bytes], check=b"")
    whole_hq = sum(frame.end <= hq_bytes for frame in frames(raw.hq)) * FRAME
    try:
        whole_lq = len(saved_stream(cut.lq).packets) * PACKET
    except DamagedError:
        whole_lq = 0
    expected = min(whole_hq, whole_lq) // FRAME * FRAME
    decoder = _Decoder(take.ffmpeg)
    sealed = seal_last(cut, take.full_samples, take.full_samples, decoder)
    if expected == 0:
        assert sealed is None
        assert decoder.used == 0
    else:
        assert sealed is not None
        assert sealed.preroll == 15_360
        assert decoder.used == 1
        _assert_publishable(sealed, take.captured(1)[:expected], tmp_path_factory.mktemp("killed"))


@pytest.mark.parametrize("shorter", ["hq", "lq"])
def test_the_check_counts_only_for_what_it_was_taken_of(take: Take, tmp_path: Path, shorter: str) -> None:
    """When one file lacks the end, the MD5 that FFmpeg took of the whole does not fit any more and is taken anew."""
    raw = take.pair(1)
    if shorter == "hq":
        cut = replace(raw, hq=raw.hq[:-1])
        expected = take.full_samples - FRAME
    else:
        cut = replace(raw, lq=raw.lq[: raw.lq.rindex(b"OggS")])
        expected = len(saved_stream(cut.lq).packets) * PACKET
    decoder = _Decoder(take.ffmpeg)
    sealed = seal_last(cut, take.full_samples, take.full_samples, decoder)
    if expected == 0:
        assert sealed is None
        return
    assert sealed is not None
    assert decoder.used == 1
    _assert_publishable(sealed, take.captured(1)[:expected], tmp_path)


def test_a_last_segment_is_never_longer_than_a_full_one(short_take: Take, tmp_path: Path) -> None:
    """What a dying FFmpeg wrote beyond the border is not published twice."""
    raw = short_take.pair(1)
    decoder = _Decoder(short_take.ffmpeg)
    sealed = seal_last(raw, 48_000, 24_000, decoder)
    assert sealed is not None
    _assert_publishable(sealed, short_take.captured(1)[:24_000], tmp_path)


def test_padding_is_not_published(short_take: Take) -> None:
    """What Opus added to fill its last packet is no programme: the pair ends at the last frame before it."""
    lq = raw_segment(random_packets(10, seed=1), first_packet=50, cut_off=500)
    sealed = seal_last(replace(short_take.pair(1), lq=lq), 48_000, 48_000, _Decoder(short_take.ffmpeg))
    assert sealed is not None
    assert sealed.samples == FRAME
    assert np.array_equal(decode_flac(sealed.hq), short_take.captured(1)[:FRAME])


def test_what_cannot_be_decoded_is_refused(short_take: Take) -> None:
    """When the MD5 cannot be taken the segment is refused: no file leaves without a true checksum."""

    def fails(_: bytes) -> str:
        raise DamagedError("it cannot be decoded")

    with pytest.raises(DamagedError, match="cannot be decoded"):
        seal_last(replace(short_take.pair(1), check=b""), 48_000, 48_000, fails)


@settings(max_examples=100)
@given(data=st.data())
def test_no_damage_makes_anything_but_a_refusal(short_take: Take, data: st.DataObject) -> None:
    """Bytes overwritten anywhere in any file end in a true pair or in a refusal, never in another error."""
    raw = short_take.pair(1)
    name = data.draw(st.sampled_from(["hq", "lq", "check", "previous_lq"]), "file")
    content = getattr(raw, name)
    position = data.draw(st.integers(0, len(content)), "position")
    overwritten = content[:position] + data.draw(st.binary(min_size=1, max_size=40), "by") + content[position + 1 :]
    spoilt = replace(raw, **{name: overwritten})
    with suppress(DamagedError):
        assert seal(spoilt, 48_000, 48_000).samples == 48_000
    with suppress(DamagedError):
        last = seal_last(spoilt, 48_000, 48_000, lambda _: "00" * 16)
        assert last is None or last.samples % FRAME == 0
