"""Renditions: the two qualities, found by being there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ffmpeg_profiles.check import check
from ffmpeg_profiles.meters import meters
from ffmpeg_profiles.profile import Filter
from ffmpeg_profiles.renditions import renditions
from supervisor.names import EXTENSIONS
from tests.rig.parts import ROOT


def test_there_are_two_qualities() -> None:
    """The renditions are the qualities that the bucket knows, with the same file extensions."""
    assert {name: rendition.extension for name, rendition in renditions().items()} == EXTENSIONS


def test_hq_is_24_bit_flac_in_frames_that_divide_a_second() -> None:
    """FLAC keeps 24 bits, and its frames end where segments end."""
    options = renditions()["hq"].options
    assert options["c:a"] == options["segment_format"] == "flac"
    assert options["bits_per_raw_sample"] == 24
    assert 48_000 % int(options["frame_size"] or 0) == 0


def test_lq_is_opus_whose_packets_begin_with_segments() -> None:
    """Opus has 128 kbit/s, packets of 20 ms, and an input that is shortened by the encoder's own delay."""
    rendition = renditions()["lq"]
    assert rendition.options["c:a"] == "libopus"
    assert rendition.options["b:a"] == 128_000
    assert rendition.options["frame_duration"] == 20
    assert rendition.options["segment_format"] == "ogg"
    assert rendition.filters == (Filter("atrim", options={"start_sample": 312}), Filter("asetpts", ("N/SR/TB",)))


@pytest.mark.parametrize("segment_s", [1, 10, 30])
def test_a_rendition_is_written_as_segments(segment_s: int) -> None:
    """Each quality is a row of numbered files of the length that was asked for, with its own encoder's options."""
    for name, rendition in renditions().items():
        output = rendition.output("/staging/raw/run", segment_s)
        assert output.target == f"/staging/raw/run.{name}.%08d.{rendition.extension}"
        own = {"segment_format_options": "flush_packets=1", **rendition.options}
        assert output.options == {"f": "segment", "segment_time": segment_s, **own}
        assert output.filters == rendition.filters


@pytest.mark.parametrize("segment_s", [1, 10, 30])
def test_the_check_is_one_md5_of_24_bit_pcm_a_segment(segment_s: int) -> None:
    """The checksum is taken of the segment as one packet, and its line is written at once; no filter holds it back."""
    output = check("/staging/raw/run", segment_s, 48_000)
    assert output.target == "/staging/raw/run.check.%08d.framemd5"
    assert output.filters == ()
    assert output.options["bsf:a"] == f"pcm_rechunk=n={segment_s * 48_000}:p=0"
    assert output.options["c:a"] == "pcm_s24le"
    assert output.options["segment_format"] == "framemd5"
    assert output.options["segment_format_options"] == "flush_packets=1"


def test_meters_go_to_the_descriptor_at_once() -> None:
    """Levels and loudness leave through the pipe that was asked for, unbuffered, and produce no file."""
    output = meters(7)
    assert (output.target, output.options) == ("-", {"f": "null"})
    assert [step.name for step in output.filters] == ["ebur128", "astats", "ametadata", "asetpts"]
    assert output.filters[2].options == {"mode": "print", "file": "pipe:7", "direct": 1}


@pytest.mark.parametrize("stem", ["/mnt/50%/run", "/mnt/%d/run", "/mnt/%%/run"])
def test_a_percent_sign_in_the_path_is_no_number(stem: str) -> None:
    """The only number that FFmpeg puts into a file's name is the segment's, whatever the spool's folder is called."""
    for output in (renditions()["hq"].output(stem, 10), check(stem, 10, 48_000)):
        name = output.target.replace("%%", "\0")
        assert name.count("%") == 1
        assert name.replace("%08d", "00000000").replace("\0", "%").startswith(f"{stem}.")


def test_a_rendition_is_added_by_one_file(tmp_path: Path) -> None:
    """A module that is dropped into the package is a rendition, with nothing else changed and no supervisor needed."""
    shutil.copytree(
        ROOT / "ffmpeg_profiles", tmp_path / "ffmpeg_profiles", ignore=shutil.ignore_patterns("__pycache__")
    )
    (tmp_path / "ffmpeg_profiles/renditions/aac.py").write_text(
        "from ffmpeg_profiles.profile import Rendition\n"
        "RENDITION = Rendition('mq', 'm4a', {'c:a': 'aac', 'segment_format': 'ipod'})\n",
        encoding="ascii",
    )
    asked = (
        "import sys; from ffmpeg_profiles.renditions import renditions\n"
        "print(*sorted(renditions())); print(renditions()['mq'].output('x', 10).target)\n"
        "print('supervisor' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout == "hq lq mq\nx.mq.%08d.m4a\nFalse\n"
