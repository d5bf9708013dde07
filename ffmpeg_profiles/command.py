"""Compiles a source and its outputs to one FFmpeg argv; the only place that knows ffmpeg-python."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ffmpeg

from ffmpeg_profiles.profile import Filter, Output, Source

_COMMON = (
    # every sample as 24 significant bits in 32, whatever the source delivers
    Filter("aformat", options={"sample_fmts": "s32", "channel_layouts": "stereo"}),
    # time is the count of samples: cuts never follow the jitter of a device's timestamps
    Filter("asetpts", ("N/SR/TB",)),
)


def compile_command(executable: str, source: Source, outputs: Iterable[Output]) -> list[str]:
    """The argv that reads ``source`` once and writes every output; to be run with an empty standard input."""
    stream = ffmpeg.input(source.url, **source.options).audio
    programme = _apply((*source.filters, *_COMMON), stream).asplit()
    written = [
        ffmpeg.output(_apply(output.filters, programme[number]), output.target, **output.options)
        for number, output in enumerate(outputs)
    ]
    # progress is read from the meters; with -nostdin FFmpeg 7.0 would hear no signal
    quiet = ("-hide_banner", "-nostats", "-loglevel", "level+warning")
    command: list[str] = ffmpeg.merge_outputs(*written).global_args(*quiet).compile(cmd=executable)
    return command


def _apply(filters: Iterable[Filter], stream: Any) -> Any:  # noqa: ANN401 - ffmpeg-python ships no types
    for step in filters:
        stream = stream.filter(step.name, *step.args, **step.options)
    return stream
