"""Compiles a source and its outputs to one FFmpeg argv; the only place that knows ffmpeg-python."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import ffmpeg

from ffmpeg_profiles.profile import Filter, Output, Source

_STEREO = Filter("aformat", options={"sample_fmts": "s32", "channel_layouts": "stereo"})
"""Every sample as 24 significant bits in 32, whatever the source delivers."""

_COUNTED = Filter("asetpts", ("N/SR/TB",))


def compile_command(executable: str, source: Source, outputs: Iterable[Output]) -> list[str]:
    """The argv that reads ``source`` once and writes every output; to be run with an empty standard input."""
    stream = ffmpeg.input(source.url, **source.options).audio
    programme = _apply((*source.filters, _STEREO), stream).asplit()
    written = [
        ffmpeg.output(_apply(_timed(output), programme[number]), output.target, **output.options)
        for number, output in enumerate(outputs)
    ]
    # progress is read from the meters; with -nostdin FFmpeg 7.0 would hear no signal
    quiet = ("-hide_banner", "-nostats", "-loglevel", "level+warning")
    # a device's timestamps are seconds since 1970, and are to stay so
    times = ("-copyts",) if source.device else ()
    command: list[str] = ffmpeg.merge_outputs(*written).global_args(*quiet, *times).compile(cmd=executable)
    return command


def _timed(output: Output) -> tuple[Filter, ...]:
    return output.filters if output.source_time else (_COUNTED, *output.filters)


def _apply(filters: Iterable[Filter], stream: Any) -> Any:  # noqa: ANN401 - ffmpeg-python ships no types
    for step in filters:
        stream = stream.filter(step.name, *step.args, **step.options)
    return stream
