"""FLAC: every damage is found, whatever is whole is saved, and STREAMINFO tells the truth."""

from __future__ import annotations

import hashlib
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mutagen.flac import FLAC, Padding

from supervisor.sealing import check, flac
from supervisor.sealing.damage import DamagedError
from tests.rig.audio import Pcm, decode_flac, flac_is_perfect
from tests.rig.parts import need
from tests.rig.sealing import frames, whole_frames, with_stream_info
from tests.unit.takes import Take, ffmpeg_program, run

FRAME = 4_800

SEGMENTS = 3


def _audio_begins(data: bytes) -> int:
    """Where the first frame begins, by walking the metadata blocks."""
    position = 4
    while True:
        last, size = data[position] & 0x80, int.from_bytes(data[position + 1 : position + 4], "big")
        position += 4 + size
        if last:
            return position


def _ends(data: bytes) -> list[int]:
    return [frame.end for frame in frames(data)]


def test_the_frames_of_a_segment_are_its_samples(take: Take) -> None:
    """Every segment is walked from its first byte of audio to its last, frame by frame, none longer than 100 ms."""
    for number in range(take.full_segments + 1):
        data = take.hq(number)
        found = frames(data)
        assert found[-1].end == len(data)
        assert [frame.samples for frame in found[:-1]] == [FRAME] * (len(found) - 1)
        assert sum(frame.samples for frame in found) == len(take.captured(number))
        assert flac.count_samples(data) == len(take.captured(number))
        assert whole_frames(data) == found


def test_each_frame_ends_where_a_decoder_says(short_take: Take) -> None:
    """A file that is cut behind any frame decodes to exactly the samples so far."""
    need("flac")
    data = short_take.hq(0)
    for count, end in enumerate(_ends(data), 1):
        expected = short_take.captured(0)[: count * FRAME]
        assert np.array_equal(decode_flac(with_stream_info(data[:end], len(expected), _md5(expected))), expected)


@settings(max_examples=200)
@given(data=st.data())
def test_a_file_that_was_cut_off_is_found_and_its_whole_frames_are_saved(short_take: Take, data: st.DataObject) -> None:
    """Wherever a file is cut: inside a frame that is damage, and what came before is saved to the last frame."""
    whole = short_take.hq(data.draw(st.integers(0, SEGMENTS - 1), "segment"))
    _assert_cut_is_handled(whole, data.draw(st.integers(0, len(whole)), "cut"))


def test_a_file_that_was_cut_near_a_frame_s_end_is_handled(short_take: Take) -> None:
    """Cut at any byte around the end of any frame, the frames that are whole are saved and no others."""
    for number in range(SEGMENTS):
        whole = short_take.hq(number)
        for end in (_audio_begins(whole), *_ends(whole)):
            for cut in range(max(0, end - 20), min(len(whole), end + 20) + 1):
                _assert_cut_is_handled(whole, cut)


def _assert_cut_is_handled(whole: bytes, cut: int) -> None:
    ends = [end for end in _ends(whole) if end <= cut]
    begins = _audio_begins(whole)
    at_a_border = cut in {begins, *ends}
    assert [frame.end for frame in whole_frames(whole[:cut])] == ends, f"cut at {cut}"
    if at_a_border:
        assert _ends(whole[:cut]) == ends
    else:
        with pytest.raises(DamagedError):
            flac.count_samples(whole[:cut])


@settings(max_examples=100)
@given(data=st.data())
def test_a_file_that_grows_is_read_as_one_that_is_whole(short_take: Take, data: st.DataObject) -> None:
    """In whatever pieces a file comes: its frames are those of the whole file, and known as soon as the next begins."""
    whole = short_take.hq(data.draw(st.integers(0, SEGMENTS - 1), "segment"))
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=30).map(sorted), "cuts")
    expected, reader = frames(whole), flac.FrameReader()
    for begin, end in pairwise([0, *cuts, len(whole)]):
        reader.feed(whole[begin:end])
        assert reader.taken_bytes == end
        begun = sum(frame.end + 16 <= end for frame in expected)
        assert expected[:begun] == reader.frames[:begun]
        assert reader.frames == expected[: len(reader.frames)]
    reader.end()
    assert reader.frames == expected
    assert reader.head == whole[: _audio_begins(whole)]


@settings(max_examples=100)
@given(data=st.data())
def test_damage_is_found_in_a_file_that_grows(short_take: Take, data: st.DataObject) -> None:
    """A wrong byte is damage however the file came, and where the damage is said is where it is in the whole file."""
    whole = bytearray(short_take.hq(0))
    position = data.draw(st.integers(_audio_begins(bytes(whole)), len(whole) - 1), "position")
    whole[position] ^= data.draw(st.integers(1, 255), "by")
    with pytest.raises(DamagedError) as at_once:
        frames(bytes(whole))
    reader = flac.FrameReader()
    for begin in range(0, len(whole), 30_000):
        reader.feed(bytes(whole[begin : begin + 30_000]))
    with pytest.raises(DamagedError) as grown:
        reader.end()
    assert str(grown.value) == str(at_once.value)
    with pytest.raises(DamagedError):  # and it stays so
        reader.end()


def test_a_frame_that_never_ends_is_looked_for_once(short_take: Take) -> None:
    """What is damaged beyond any frame's length is left alone until the file ends, and is damage then."""
    whole = short_take.hq(0)
    begins = _audio_begins(whole)
    reader = flac.FrameReader()
    reader.feed(whole[: begins + 1000])
    for _ in range(12):
        reader.feed(bytes(100_000))
    assert reader.frames == []
    with pytest.raises(DamagedError, match=f"the FLAC frame at byte {begins} is cut off or damaged"):
        reader.end()


@settings(max_examples=300)
@given(data=st.data())
def test_a_damaged_byte_is_found(short_take: Take, data: st.DataObject) -> None:
    """One wrong byte anywhere in the audio is damage, and the frames before it are still saved."""
    whole = bytearray(short_take.hq(data.draw(st.integers(0, SEGMENTS - 1), "segment")))
    ends = _ends(bytes(whole))
    position = data.draw(st.integers(_audio_begins(bytes(whole)), len(whole) - 1), "position")
    whole[position] ^= data.draw(st.integers(1, 255), "by")
    with pytest.raises(DamagedError):
        flac.count_samples(bytes(whole))
    before = [end for end in ends if end <= position]
    saved = [frame.end for frame in whole_frames(bytes(whole))]
    # the frame just before the damage ends where a whole header follows: it is lost with that header
    assert saved in (before, before[:-1])


def test_damage_in_each_byte_of_a_frame_header_is_found(short_take: Take) -> None:
    """No byte of any frame header can be wrong without being noticed."""
    whole = short_take.hq(0)
    for begin in (_audio_begins(whole), *_ends(whole)[:-1]):
        for position in range(begin, begin + 8):
            damaged = bytearray(whole)
            damaged[position] ^= 0x55
            with pytest.raises(DamagedError):
                flac.count_samples(bytes(damaged))


def test_a_frame_that_is_missing_is_found(short_take: Take) -> None:
    """A segment without one of its frames, though each one left is whole, is damage."""
    whole = short_take.hq(0)
    borders = [_audio_begins(whole), *_ends(whole)]
    for begin, end in pairwise(borders[1:-1]):
        with pytest.raises(DamagedError):
            flac.count_samples(whole[:begin] + whole[end:])


def test_frames_in_the_wrong_order_are_found(short_take: Take) -> None:
    """Two frames that changed places are damage."""
    whole = short_take.hq(0)
    a, b, c = _ends(whole)[2:5]
    with pytest.raises(DamagedError):
        flac.count_samples(whole[:a] + whole[b:c] + whole[a:b] + whole[c:])


@pytest.mark.parametrize(
    "first",
    [
        # where a number begins to take one more byte, and where the bits in its first byte change
        *(0, 0x7A, 0xBA, 0x7FA, 0x1FFA, 0xFFFA, 0x3_FFFA, 0x1F_FFFA),
        *(0xFF_FFFA, 0x3FF_FFFA, 0x3FFF_FFFA, 0x7FFF_FFFA, 0xFFFF_FFFA),
    ],
    ids=hex,
)
def test_runs_of_any_age_are_walked(short_take: Take, first: int) -> None:
    """A frame's number takes more bytes the longer a run is: years of it make no difference."""
    whole = short_take.hq(0)
    begins = _audio_begins(whole)
    aged = _renumbered(whole, first)
    assert len(aged) == len(whole) + sum(len(_coded(number)) - 1 for number in range(first, first + 10))
    found = frames(aged)
    assert [frame.samples for frame in found] == [FRAME] * 10
    assert found[-1].end == len(aged)
    for cut in range(begins, begins + 40):
        assert whole_frames(aged[:cut]) == []


@pytest.mark.parametrize(
    "samples", [1, 16, 100, 192, 255, 256, 257, 512, 576, 1000, 1024, 1152, 2048, 2304, 4096, 4608, 4799, 4800, 4801]
)
def test_a_last_frame_of_any_length_is_counted(samples: int) -> None:
    """FFmpeg codes a frame's length in several ways, by what it is: each is understood."""
    source = ["-f", "lavfi", "-i", f"anoisesrc=r=48000:a=0.5,atrim=end_sample={9600 + samples}"]
    target = ["-ac", "2", "-c:a", "flac", "-frame_size", str(FRAME), "-f", "flac", "-"]
    data = run([ffmpeg_program("system"), "-v", "error", *source, *target])
    assert flac.count_samples(data) == 9600 + samples
    assert [frame.samples for frame in frames(data)][:3] == [FRAME, FRAME, min(samples, FRAME)]


def _renumbered(whole: bytes, first: int) -> bytes:
    """The same frames with numbers from ``first`` on, checksums computed bit by bit."""
    borders = [_audio_begins(whole), *_ends(whole)]
    parts = [whole[: borders[0]]]
    for index, (begin, end) in enumerate(pairwise(borders)):
        frame = whole[begin:end]
        # 4 bytes, the number in one byte, the block size in two, CRC-8
        header = frame[:4] + _coded(first + index) + frame[5:7]
        body = header + bytes([_crc(header, 8, 0x07)]) + frame[8:-2]
        parts.append(body + _crc(body, 16, 0x8005).to_bytes(2, "big"))
    return b"".join(parts)


def _coded(number: int) -> bytes:
    """A number as RFC 9639, section 9.1.5, has it."""
    if number < 0x80:
        return bytes([number])
    for size in range(2, 8):
        if number < 1 << (5 * size + 1):
            rest = [0x80 | number >> 6 * place & 0x3F for place in reversed(range(size - 1))]
            lead = (0xFF00 >> size) & 0xFF
            return bytes([lead | number >> 6 * (size - 1), *rest])
    raise AssertionError(number)


def _crc(data: bytes, bits: int, polynomial: int) -> int:
    top, mask, crc = 1 << (bits - 1), (1 << bits) - 1, 0
    for byte in data:
        crc ^= byte << (bits - 8)
        for _ in range(8):
            crc = ((crc << 1) ^ polynomial if crc & top else crc << 1) & mask
    return crc


@given(tail=st.binary(max_size=40))
@example(bytes.fromhex("fff8680cfc8080808080"))
@example(bytes.fromhex("fff8680cfe808080808080"))
@example(bytes.fromhex("fff8780cfe808080808080"))
def test_noise_behind_the_metadata_is_damage(short_take: Take, tail: bytes) -> None:
    """Whatever bytes stand where frames should be, the answer is damage and never another error."""
    whole = short_take.hq(0)
    begun = whole[: _audio_begins(whole)]
    assert whole_frames(begun + tail) == []
    if tail:
        with pytest.raises(DamagedError):
            flac.count_samples(begun + tail)


@given(noise=st.binary(max_size=200))
@example(b"")
@example(b"fLaC")
@example(b"fLaC\x00")
@example(b"fLaC\x80\x00\x00\x22")
@example(b"OggS")
def test_what_is_no_flac_file_is_damage(noise: bytes) -> None:
    """Bytes that are no FLAC file are damage for every question that can be asked about them."""
    with pytest.raises(DamagedError):
        flac.count_samples(noise + b"\xff")
    with pytest.raises(DamagedError):
        with_stream_info(noise, 1, "00" * 16)
    assert whole_frames(noise) == []


def test_stream_info_tells_samples_and_md5(take: Take, tmp_path: Path) -> None:
    """Total and MD5 are in the header, and the reference decoder finds nothing to remark."""
    need("flac")
    for number in range(take.full_segments + 1):
        captured = check.read(take.check(number))
        assert captured is not None
        sealed = with_stream_info(take.hq(number), captured.samples, captured.md5)
        info = FLAC(BytesIO(sealed)).info
        assert info.total_samples == len(take.captured(number))
        assert info.md5_signature == int(_md5(take.captured(number)), 16)
        assert (info.sample_rate, info.channels, info.bits_per_sample) == (48_000, 2, 24)
        path = tmp_path / f"{number}.flac"
        path.write_bytes(sealed)
        assert flac_is_perfect(path)
        assert np.array_equal(decode_flac(sealed), take.captured(number))


def _md5(pcm: Pcm) -> str:
    """The MD5 of PCM as 24 bit little-endian, by the test's own arithmetic."""
    wide = pcm.astype("<i4").view(np.uint8).reshape(-1, 4)
    return hashlib.md5(wide[:, :3].tobytes(), usedforsecurity=False).hexdigest()


def test_no_byte_of_audio_changes_and_there_is_no_padding(take: Take) -> None:
    """Only the header is written anew, in its place: FFmpeg leaves no padding, and every frame stays as it is."""
    data = take.hq(0)
    sealed = with_stream_info(data, take.full_samples, "ab" * 16)
    assert len(sealed) == len(data)
    assert sealed[_audio_begins(data) :] == data[_audio_begins(data) :]
    assert not any(isinstance(block, Padding) for block in FLAC(BytesIO(sealed)).metadata_blocks)
    assert flac.count_samples(sealed) == take.full_samples


def test_a_wrong_md5_is_noticed_by_the_reference_decoder(short_take: Take, tmp_path: Path) -> None:
    """The proof that anyone can make with ``flac -t`` can fail."""
    need("flac")
    path = tmp_path / "wrong.flac"
    path.write_bytes(with_stream_info(short_take.hq(0), 48_000, "ab" * 16))
    assert not flac_is_perfect(path)


@settings(max_examples=20)
@given(samples=st.integers(1, 2**36 - 1), md5=st.binary(min_size=16, max_size=16))
def test_any_total_and_any_md5_are_written(short_take: Take, samples: int, md5: bytes) -> None:
    """Leading zeros of an MD5 and totals beyond 32 bits are kept."""
    info = FLAC(BytesIO(with_stream_info(short_take.hq(0), samples, md5.hex()))).info
    assert info.total_samples == samples
    assert info.md5_signature == int.from_bytes(md5, "big")
