"""The digest: FFmpeg's decoder agrees with what was captured, and says when it cannot decode."""

from __future__ import annotations

from pathlib import Path

import pytest

from ffmpeg_profiles.digest import DecodeError, opus_samples, pcm_md5
from supervisor.sealing import check
from tests.rig.sealing import seal, with_stream_info
from tests.unit.takes import Take


def test_the_digest_of_a_file_is_that_of_what_was_captured(take: Take) -> None:
    """Decoding gives the MD5 that was taken before encoding: FLAC is lossless, the short end included."""
    for number in range(take.full_segments + 1):
        checked = check.read(take.check(number))
        assert checked is not None
        assert pcm_md5(take.ffmpeg, take.hq(number)) == checked.md5


def test_the_digest_of_a_sealed_file_is_the_same(take: Take) -> None:
    """The header has no part in the digest."""
    checked = check.read(take.check(0))
    assert checked is not None
    sealed = with_stream_info(take.hq(0), checked.samples, checked.md5)
    assert pcm_md5(take.ffmpeg, sealed) == checked.md5


def test_a_sealed_opus_file_decodes_to_its_segment(take: Take) -> None:
    """What comes out is the segment's samples, pre-roll aside; packets that the decoder cannot use are missing."""
    numbers = range(take.full_segments)
    sealed = [seal(take.pair(number), number * take.full_samples, take.full_samples).lq for number in numbers]
    assert {opus_samples(take.ffmpeg, lq) for lq in sealed} == {take.full_samples}
    spoilt = bytearray(sealed[-1])
    middle = len(spoilt) // 2
    spoilt[middle : middle + 400] = bytes(400)
    assert opus_samples(take.ffmpeg, bytes(spoilt)) < take.full_samples
    with pytest.raises(DecodeError):
        opus_samples(take.ffmpeg, b"hello")


@pytest.mark.parametrize("content", [b"", b"fLaC", b"hello"])
def test_what_cannot_be_decoded_is_an_error(ffmpeg: str, content: bytes) -> None:
    """Bytes that are no FLAC file have no digest."""
    with pytest.raises(DecodeError):
        pcm_md5(ffmpeg, content)


def test_a_program_that_cannot_run_says_nothing_about_the_file(short_take: Take, tmp_path: Path) -> None:
    """An FFmpeg that is missing, or was killed, is an error of the machine's, not damage."""
    with pytest.raises(FileNotFoundError):
        pcm_md5(str(tmp_path / "ffmpeg"), short_take.hq(0))
    killed = tmp_path / "killed"
    killed.write_text("#!/bin/sh\nkill -KILL $$\n", encoding="utf-8")
    killed.chmod(0o755)
    with pytest.raises(ChildProcessError):
        pcm_md5(str(killed), short_take.hq(0))


def test_a_program_that_prints_no_digest_is_an_error(short_take: Take) -> None:
    """An answer that is no MD5 is not taken for one."""
    with pytest.raises(DecodeError, match="printed no MD5"):
        pcm_md5("true", short_take.hq(0))
