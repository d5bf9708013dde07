"""The command: one FFmpeg, one source, and every output with its own options."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.profile import Filter, Input, Output, Source
from ffmpeg_profiles.renditions import renditions
from ffmpeg_profiles.sources import parse_source
from supervisor.encoding import outputs
from supervisor.sealing import check, flac, opus
from tests.rig.audio import Pcm, decode_flac, programme
from tests.rig.parts import need
from tests.rig.sealing import with_stream_info
from tests.unit.takes import RATE, Take, record

STEM = Path("/staging/raw/20261123T154530412Z")


def _station_command(source: Source, segment_s: int = 10) -> list[str]:
    return compile_command("/usr/bin/ffmpeg", source, outputs(STEM, segment_s, RATE, 7))


def _parts(command: list[str]) -> tuple[list[str], list[list[str]]]:
    """What stands before ``-filter_complex``, and what belongs to each output."""
    maps = [at for at, word in enumerate(command) if word == "-map"]
    ends = [*maps[1:], command.index("-hide_banner")]
    return command[: command.index("-filter_complex")], [
        command[begin:end] for begin, end in zip(maps, ends, strict=True)
    ]


def _graph(command: list[str]) -> list[str]:
    return command[command.index("-filter_complex") + 1].split(";")


def test_the_program_comes_first_and_input_options_before_their_input() -> None:
    """What has to stand before ``-i`` to count for the device stands there, and the device is the last word."""
    before, _ = _parts(_station_command(parse_source("alsa:umc", Input(RATE, 4, (3, 4)))))
    assert before[0] == "/usr/bin/ffmpeg"
    assert before[-2:] == ["-i", "umc"]
    options = dict(zip(before[1:-2:2], before[2:-2:2], strict=True))
    assert options == {"-f": "alsa", "-c:a": "pcm_s32le", "-sample_rate": "48000", "-channels": "4"}


def test_options_without_a_value_stand_alone(tmp_path: Path) -> None:
    """An option such as ``-re`` takes no value, and none is made up for it."""
    file = tmp_path / "song.flac"
    file.write_bytes(b"")
    before, _ = _parts(_station_command(parse_source(f"file:{file}")))
    assert before == ["/usr/bin/ffmpeg", "-re", "-stream_loop", "-1", "-vn", "-i", f"file:{file}"]


def test_the_source_is_read_once() -> None:
    """However many outputs there are, there is one input."""
    command = _station_command(parse_source("tone:"))
    assert command.count("-i") == 1
    assert [step for step in _graph(command) if "asplit" in step] == ["[s0]asplit=4[s1][s2][s3][s4]"]


@pytest.mark.parametrize("segment_s", [1, 10, 30])
def test_every_output_has_its_own_options(segment_s: int) -> None:
    """Encoder, container, length and place of each output stand together, and none has another's."""
    _, (hq, lq, md5, levels) = _parts(_station_command(parse_source("tone:"), segment_s))
    for name, words in (("hq", hq), ("lq", lq)):
        rendition = renditions()[name]
        expected = {f"-{option}": str(value) for option, value in rendition.options.items()}
        expected = {"-segment_format_options": "flush_packets=1", **expected}
        expected |= {"-f": "segment", "-segment_time": str(segment_s)}
        assert dict(zip(words[2:-1:2], words[3:-1:2], strict=True)) == expected
        assert words[-1] == f"{STEM}.{name}.%08d.{rendition.extension}"
    assert md5[-1] == f"{STEM}.check.%08d.framemd5"
    assert {("-c:a", "pcm_s24le"), ("-segment_format", "framemd5")} <= set(pairwise(md5))
    assert levels[2:] == ["-f", "null", "-"]


def test_the_programme_is_made_before_it_is_split() -> None:
    """Whatever the source: its own filters, then 24 bits in 32 and stereo, then one branch for each output."""
    for source in (parse_source("tone:"), parse_source("alsa:umc", Input(RATE, 4, (3, 4)))):
        steps = [step.split("]", 1)[1].split("[")[0] for step in _graph(_station_command(source))]
        begin = steps.index("aformat=channel_layouts=stereo:sample_fmts=s32")
        assert steps[begin + 1] == "asplit=4"
        assert [step.split("=")[0] for step in steps[:begin]] == [step.name for step in source.filters]


def test_all_but_the_meters_count_time_in_samples() -> None:
    """Segments are cut by the count of samples; the meters alone see when the device says that it captured them."""
    steps = _graph(_station_command(parse_source("alsa:umc")))
    first = {step[: step.index("]") + 1]: step.split("]", 1)[1].split("=")[0] for step in steps}
    assert [first[f"[s{number}]"] for number in (1, 2, 3, 4)] == ["asetpts", "asetpts", "asetpts", "ebur128"]


def test_a_device_s_time_is_left_as_it_is() -> None:
    """FFmpeg takes nothing off the timestamps of a device, which are seconds since 1970; others begin at 0."""
    assert "-copyts" in _station_command(parse_source("alsa:umc"))
    assert "-copyts" not in _station_command(parse_source("tone:"))


def test_filters_of_one_output_touch_no_other() -> None:
    """The trim of LQ and the meters are each on a branch of their own."""
    steps = _graph(_station_command(parse_source("tone:")))
    branch = {step[step.rindex("[") :]: step[: step.index("]") + 1] for step in steps if "asplit" not in step}
    _, parts = _parts(_station_command(parse_source("tone:")))
    sources = []
    for words in parts:
        pad = words[1]
        while pad in branch:
            pad = branch[pad]
        sources.append(pad)
    assert sources == ["[s1]", "[s2]", "[s3]", "[s4]"]


def test_ffmpeg_keeps_off_the_operator_s_terminal() -> None:
    """FFmpeg draws no progress, and says only what is wrong, with its level in front."""
    assert _station_command(parse_source("tone:"))[-4:] == [
        *("-hide_banner", "-nostats"),
        *("-loglevel", "level+warning"),
    ]


def test_one_output_is_enough() -> None:
    """A single output is compiled as well as four."""
    command = compile_command("ffmpeg", Source("in.flac", {}, (Filter("volume", (2,)),)), [Output("-", {"f": "md5"})])
    before, (only,) = _parts(command)
    assert before == ["ffmpeg", "-i", "in.flac"]
    assert only[2:] == ["-f", "md5", "-"]


def test_both_qualities_are_cut_on_the_same_sample(take: Take) -> None:
    """A real FFmpeg writes segments of exactly the length that was asked for, the same in HQ, LQ and check."""
    need("flac")
    for number in range(take.full_segments + 1):
        captured = take.captured(number)
        checked = check.read(take.check(number))
        assert checked is not None
        stream = opus.read(take.lq(number))
        assert checked.first_sample == number * take.full_samples
        assert flac.count_samples(take.hq(number)) == checked.samples == len(captured)
        assert stream.samples_from(checked.first_sample) == len(captured)
        sealed = with_stream_info(take.hq(number), checked.samples, checked.md5)
        assert np.array_equal(decode_flac(sealed), captured)
    extra = {path.name for path in take.folder.iterdir() if f".{take.full_segments + 1:08d}." in path.name}
    assert extra == set()


@pytest.mark.parametrize("samples", [313, 960, 4_799, 4_800, RATE])
def test_a_run_of_any_length_is_captured_whole(ffmpeg: str, tmp_path: Path, samples: int) -> None:
    """However short a run is, HQ has every sample of it."""
    need("flac")
    pcm: Pcm = programme(samples / RATE, 2, seed=samples)
    take = record(ffmpeg, pcm, 1, tmp_path)
    checked = check.read(take.check(0))
    assert checked is not None
    sealed = with_stream_info(take.hq(0), checked.samples, checked.md5)
    assert np.array_equal(decode_flac(sealed), pcm >> 8)


def test_a_spool_with_a_strange_name_is_written(ffmpeg: str, tmp_path: Path) -> None:
    """Spaces, colons and percent signs in the spool's path are part of the path."""
    folder = tmp_path / "50%d a:b,c;d"
    folder.mkdir()
    take = record(ffmpeg, programme(0.5, 2, seed=1), 1, folder)
    assert {path.suffix for path in folder.iterdir()} == {".s32", ".flac", ".opus", ".framemd5"}
    assert flac.count_samples(take.hq(0)) == RATE // 2


def test_the_programme_has_24_bits_whatever_the_source_has(ffmpeg: str, tmp_path: Path) -> None:
    """The lowest 8 of 32 bits are dropped, not dithered: what ALSA delivered in 24 bits is what is written."""
    need("flac")
    random = np.random.default_rng(1)
    pcm = random.integers(-(2**31), 2**31, (RATE // 2, 2), np.int64).astype(np.int32)
    take = record(ffmpeg, pcm, 1, tmp_path)
    checked = check.read(take.check(0))
    assert checked is not None
    sealed = with_stream_info(take.hq(0), checked.samples, checked.md5)
    assert np.array_equal(decode_flac(sealed), pcm >> 8)


def test_nothing_is_inherited_but_the_meters() -> None:
    """The pipe of the meters is the only descriptor that the command names."""
    command = compile_command("ffmpeg", parse_source("tone:"), outputs(STEM, 10, RATE, 41))
    assert re.findall(r"pipe\W+(\d+)", " ".join(command)) == ["41"]
