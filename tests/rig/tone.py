"""The synthetic programme as it must arrive: the same expression, decoded without the supervisor."""

from __future__ import annotations

import subprocess

import numpy as np

from ffmpeg_profiles.command import compile_command
from ffmpeg_profiles.profile import Output, Source
from ffmpeg_profiles.sources import parse_source
from tests.rig.audio import Pcm


def tone(seconds: float) -> Pcm:
    """The first ``seconds`` of ``tone:`` as 24-bit numbers, one row a frame."""
    paced = parse_source("tone:")
    at_once = Source(paced.url, {name: value for name, value in paced.options.items() if name != "re"})
    output = Output("-", {"f": "s32le", "c:a": "pcm_s32le", "t": seconds})
    command = compile_command("ffmpeg", at_once, [output])
    raw = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True).stdout
    pcm: Pcm = np.frombuffer(raw, np.int32).reshape(-1, 2) >> 8
    return pcm
