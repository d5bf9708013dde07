"""Opus: sealed files decode alone to exactly their samples, and join their neighbours; damage is refused."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from supervisor.sealing import opus
from supervisor.sealing.damage import DamagedError
from tests.rig.audio import decode_opus
from tests.rig.parts import need
from tests.rig.sealing import saved_stream
from tests.unit.ogg import CONTINUED, FIRST, LAST, Page, packets_of, pages_of, random_packets, raw_segment
from tests.unit.takes import Take, run

PACKET = 960
PREROLL = 16

seeds = st.integers(0, 2**32 - 1)


def _stream(packets: list[bytes]) -> opus.OpusStream:
    return opus.read(raw_segment(packets))


def test_packets_are_segments(take: Take) -> None:
    """FFmpeg's segments are whole packets, cut on the same samples as HQ; only the last one of a run is padded."""
    for number in range(take.full_segments + 1):
        stream = opus.read(take.lq(number))
        captured = len(take.captured(number))
        assert stream.end == number * take.full_samples + captured
        assert len(stream.packets) == -(-captured // PACKET)
        assert stream.samples_from(number * take.full_samples) == captured


@settings(max_examples=50)
@given(segment_s=st.integers(1, 30), number=st.integers(0, 1_000_000), seed=seeds)
def test_a_segment_of_any_length_is_read(segment_s: int, number: int, seed: int) -> None:
    """Whatever the length of segments and the age of the run: packets, samples and place are those of the file."""
    packets = random_packets(50 * segment_s, seed)
    stream = opus.read(raw_segment(packets, first_packet=number * len(packets), serial=seed))
    assert list(stream.packets) == packets
    assert stream.serial == seed
    assert stream.samples_from(number * segment_s * 48_000) == segment_s * 48_000


@settings(max_examples=60)
@given(
    count=st.integers(1, 1500) | st.integers(1, 30).map(lambda seconds: 50 * seconds),
    padding=st.integers(0, PACKET - 1),
    before=st.integers(0, PREROLL),
    seed=seeds,
)
@example(count=50, padding=0, before=0, seed=1)
@example(count=34, padding=0, before=16, seed=1)
@example(count=1, padding=PACKET - 1, before=0, seed=1)
@example(count=1500, padding=0, before=16, seed=1)
def test_a_sealed_file_is_what_the_format_asks_for(count: int, padding: int, before: int, seed: int) -> None:
    """Pre-roll, then the segment, each byte kept; pre-skip, granules, flags and numbers by RFC 3533 and RFC 7845."""
    packets, preroll = random_packets(count, seed), random_packets(before, seed + 1)
    samples = count * PACKET - padding
    _assert_sealed(_stream(packets), packets, preroll, samples)


def _assert_sealed(stream: opus.OpusStream, packets: list[bytes], preroll: list[bytes], samples: int) -> None:
    pages = pages_of(opus.sealed(stream, samples, preroll))
    head, tags, *audio = packets_of(pages)
    assert audio == [*preroll, *packets]
    assert int.from_bytes(head[10:12], "little") == len(preroll) * PACKET
    assert (head[:10], head[12:], tags) == (stream.head[:10], stream.head[12:], stream.tags)
    assert [page.pieces for page in pages[:2]] == [(head,), (tags,)]
    assert [page.granule for page in pages[:2]] == [0, 0]
    assert [page.flags for page in pages] == [FIRST, *(page.flags & CONTINUED for page in pages[1:-1]), LAST]
    assert [page.sequence for page in pages] == list(range(len(pages)))
    assert {page.serial for page in pages} == {stream.serial}
    assert pages[-1].granule == len(preroll) * PACKET + samples
    done = 0
    # a player that has the first second can begin
    assert all(len(page.pieces) <= 50 for page in pages[2:])
    for page in pages[2:-1]:
        done += len(page.pieces)
        assert page.granule == done * PACKET
    assert all(earlier.granule < later.granule for earlier, later in pairwise(pages[1:]))


@pytest.mark.parametrize("size", [1, 254, 255, 256, 510, 1019, 1020, 1274, 1275])
@pytest.mark.parametrize("before", [0, PREROLL])
def test_packets_of_any_size_are_sealed(size: int, before: int) -> None:
    """From the smallest to the largest packet that Opus knows (RFC 6716), a file can be made of nothing else."""
    packets = [bytes([number]) * size for number in range(100)]
    _assert_sealed(_stream(packets), packets, packets[:before], 100 * PACKET)


def test_a_sealed_file_decodes_alone_to_its_samples(take: Take, tmp_path: Path) -> None:
    """There are exactly the captured samples, and nothing to remark but the first one's pre-skip of 0, as designed."""
    need("opusinfo")
    for number in range(take.full_segments + 1):
        stream = opus.read(take.lq(number))
        before = opus.read(take.lq(number - 1)).packets[-PREROLL:] if number else ()
        samples = len(take.captured(number))
        path = tmp_path / f"{number}.opus"
        path.write_bytes(opus.sealed(stream, samples, before))
        sound = run([take.ffmpeg, "-v", "warning", "-c:a", "libopus", "-i", str(path), "-f", "f32le", "-"])
        assert len(sound) == samples * 2 * 4
        remarks = ["WARNING: Implausibly low preskip in Opus stream (1)"] if number == 0 else []
        assert _remarks(path) == remarks


def test_sealed_files_join_without_a_click(take: Take) -> None:
    """Decoded one by one and put together they are what one decoder hears of the whole run."""
    parts = []
    before: Sequence[bytes] = ()
    for number in range(take.full_segments + 1):
        stream = opus.read(take.lq(number))
        parts.append(decode_opus(opus.sealed(stream, len(take.captured(number)), before)))
        before = stream.packets[-PREROLL:]
    continuous, joined = decode_opus(_whole(take)), np.concatenate(parts)
    assert len(joined) == len(take.pcm)
    assert np.abs(joined - continuous[: len(joined)]).max() < 1e-4


@given(count=st.integers(1, 100), wrong=st.integers(-2000, 2000))
@example(count=3, wrong=-PACKET)
@example(count=3, wrong=1 - PACKET)
@example(count=3, wrong=1)
def test_a_number_of_samples_that_packets_cannot_hold_is_damage(count: int, wrong: int) -> None:
    """Only the last packet may hold padding: one packet more or less than the granules tell is damage."""
    stream = _stream(random_packets(count, seed=count))
    if -PACKET < wrong <= 0:
        assert stream.samples_from(-wrong) == count * PACKET + wrong
    else:
        with pytest.raises(DamagedError, match=f"{count} Opus packets cannot be"):
            stream.samples_from(-wrong)


@given(samples=st.integers(1, 100 * PACKET))
def test_a_cut_keeps_the_packets_that_its_samples_need(samples: int) -> None:
    """Cut to some samples a stream has just the packets that hold them."""
    packets = random_packets(100, seed=7)
    kept = _stream(packets).cut(samples).packets
    assert list(kept) == packets[: len(kept)]
    assert (len(kept) - 1) * PACKET < samples <= len(kept) * PACKET


@settings(max_examples=100)
@given(data=st.data())
def test_a_file_that_was_cut_off_is_found_and_its_whole_pages_are_saved(data: st.DataObject) -> None:
    """Wherever a file is cut: inside a page that is damage, and the pages before it are saved."""
    packets = random_packets(170, data.draw(seeds, "seed"), largest=data.draw(st.sampled_from([300, 1000]), "largest"))
    whole = raw_segment(packets)
    borders = [0]
    for page in pages_of(whole):
        borders.append(borders[-1] + len(page.write()))
    near = st.builds(lambda border, by: border + by, st.sampled_from(borders), st.integers(-30, 30))
    cut = data.draw(near.filter(lambda at: 0 <= at <= len(whole)) | st.integers(0, len(whole)), "cut")
    if cut not in borders or cut < borders[2]:
        with pytest.raises(DamagedError):
            opus.read(whole[:cut])
    if cut < borders[2]:
        with pytest.raises(DamagedError):
            saved_stream(whole[:cut])
        return
    pages = pages_of(whole)[: sum(border <= cut for border in borders) - 1]
    finished = sum(len(page.pieces) for page in pages[2:])
    stream = saved_stream(whole[:cut])
    assert list(stream.packets) == packets[:finished]
    if finished:
        assert stream.samples_from(0) == finished * PACKET


def test_packets_that_go_on_in_the_next_page_are_put_together() -> None:
    """FFmpeg lets a packet go on where a page is full: it is one packet all the same."""
    packets = [bytes([number]) * 1275 for number in range(100)]
    raw = raw_segment(packets)
    assert any(page.flags & CONTINUED for page in pages_of(raw))
    assert list(opus.read(raw).packets) == packets


def test_half_a_packet_is_not_saved() -> None:
    """Where a packet goes on in a page that was cut off, the packets before it are saved and no half of one."""
    packets = [bytes([number]) * 1275 for number in range(100)]
    pages = pages_of(raw_segment(packets))
    assert not pages[2].complete
    saved = saved_stream(b"".join(page.write() for page in pages[:3]))
    assert list(saved.packets) == packets[: len(pages[2].pieces) - 1]
    assert saved.samples_from(0) == len(saved.packets) * PACKET


@settings(max_examples=100)
@given(data=st.data())
def test_a_damaged_byte_is_found(short_take: Take, data: st.DataObject) -> None:
    """One wrong byte anywhere is damage: each page has a checksum that tells."""
    whole = bytearray(short_take.lq(data.draw(st.integers(0, 2), "segment")))
    whole[data.draw(st.integers(0, len(whole) - 1), "position")] ^= data.draw(st.integers(1, 255), "by")
    with pytest.raises(DamagedError):
        opus.read(bytes(whole))


@pytest.mark.parametrize("lost", [1, 2, 3, 4])
def test_a_page_that_is_missing_is_found(lost: int) -> None:
    """A segment without one of its pages, though each one left is whole, is damage."""
    pages = pages_of(raw_segment(random_packets(200, seed=1)))
    assert len(pages) == 6
    with pytest.raises(DamagedError):
        opus.read(b"".join(page.write() for page in pages[:lost] + pages[lost + 1 :]))


def test_what_is_before_a_missing_page_is_saved() -> None:
    """The packets before the hole can still be used, those behind it belong elsewhere."""
    packets = random_packets(200, seed=1)
    pages = pages_of(raw_segment(packets))
    saved = saved_stream(b"".join(page.write() for page in pages[:3] + pages[4:]))
    assert list(saved.packets) == packets[:50]


@settings(max_examples=60)
@given(count=st.integers(0, 120) | st.just(1500), wanted=st.integers(1, 40), seed=seeds)
@example(count=15, wanted=16, seed=1)
@example(count=16, wanted=16, seed=1)
def test_the_last_packets_are_those_of_the_whole_file(count: int, wanted: int, seed: int) -> None:
    """Read from its end, a segment has the packets that it has when all of it is read; its headers are none."""
    packets = random_packets(count, seed)
    assert list(opus.last_packets(raw_segment(packets), wanted)) == packets[-wanted:]


@settings(max_examples=60)
@given(data=st.data())
def test_of_a_damaged_file_no_last_packets_are_taken(short_take: Take, data: st.DataObject) -> None:
    """Where a file is not whole its end may be missing: nothing is put before a segment that may not belong there."""
    whole = bytearray(short_take.lq(data.draw(st.integers(0, 2), "segment")))
    whole[data.draw(st.integers(0, len(whole) - 1), "position")] ^= data.draw(st.integers(1, 255), "by")
    assert opus.last_packets(bytes(whole), PREROLL) == ()


@settings(max_examples=60)
@given(data=st.data())
def test_a_file_that_grows_is_read_as_one_that_is_whole(short_take: Take, data: st.DataObject) -> None:
    """In whatever pieces a file comes, it is the same stream in the end, and what is whole can be had before."""
    whole = short_take.lq(data.draw(st.integers(0, 2), "segment"))
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=20).map(sorted), "cuts")
    reader = opus.PageReader()
    for begin, end in pairwise([0, *cuts, len(whole)]):
        reader.feed(whole[begin:end])
        assert reader.taken_bytes == end
        try:
            expected = saved_stream(whole[:end])
        except DamagedError:
            with pytest.raises(DamagedError):
                reader.saved_stream()
        else:
            assert reader.saved_stream() == expected
    assert reader.stream() == opus.read(whole)


def test_a_page_of_another_stream_is_damage() -> None:
    """A file in which two streams are mixed is none of FFmpeg's."""
    own, other = (pages_of(raw_segment(random_packets(100, seed=1), serial=serial)) for serial in (1, 2))
    with pytest.raises(DamagedError):
        opus.read(b"".join(page.write() for page in (*own[:3], other[3])))


@given(noise=st.binary(max_size=200))
@example(b"")
@example(b"OggS")
@example(bytes(100))
@example(Page(FIRST, 0, 1, 0, (b"OpusHead",)).write())
@example(Page(FIRST, 0, 1, 0, (b"\x01vorbis",)).write() + Page(0, 0, 1, 1, (b"\x03vorbis",)).write())
@example(Page(FIRST, 0, 1, 0, ()).write())
@example(Page(FIRST, 0, 1, 0, (b"OpusHead",)).write() + Page(CONTINUED, 0, 1, 1, (b"OpusTags",)).write())
def test_what_is_no_opus_file_is_damage(noise: bytes) -> None:
    """Bytes that are no Ogg Opus file are damage, whatever is asked of them."""
    with pytest.raises(DamagedError):
        opus.read(noise)
    with pytest.raises(DamagedError):
        saved_stream(noise)


def _remarks(path: Path) -> list[str]:
    told = subprocess.run(["opusinfo", path], capture_output=True, text=True, timeout=10, check=False)
    return [line for line in told.stdout.splitlines() + told.stderr.splitlines() if line.startswith("WARNING")]


def _whole(take: Take) -> bytes:
    """The run as one file, made by the test."""
    raw = [opus.read(take.lq(number)) for number in range(take.full_segments + 1)]
    packets = [packet for stream in raw for packet in stream.packets]
    head = raw[0].head[:10] + bytes(2) + raw[0].head[12:]
    pages = [Page(FIRST, 0, 1, 0, (head,)), Page(0, 0, 1, 1, (raw[0].tags,))]
    pages += [Page(0, (number + 1) * PACKET, 1, number + 2, (packet,)) for number, packet in enumerate(packets)]
    return b"".join(page.write() for page in pages)
