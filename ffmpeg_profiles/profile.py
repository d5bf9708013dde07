"""The values a profile is made of: filters, sources, renditions and outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

Options = Mapping[str, str | float | None]
"""FFmpeg options without their dash; None is an option that takes no value, such as ``re``."""


class ProfileError(ValueError):
    """A profile cannot be made from what was asked for; the message says what is allowed."""


class DeviceAbsentError(Exception):
    """The device of a source is not plugged in, or it cannot be told which one is meant; the message says more."""


@dataclass(frozen=True)
class Filter:
    """One filter of the graph: ``name=arg:…:option=value:…``."""

    name: str
    args: tuple[str | int, ...] = ()
    options: Options = field(default_factory=dict)


@dataclass(frozen=True)
class Input:
    """How a source is to be read: its own channels, and the pair of them (from 1) that is the programme."""

    sample_rate: int = 48_000
    channels: int = 2
    pair: tuple[int, int] = (1, 2)


@dataclass(frozen=True)
class Source:
    """What stands before and behind ``-i``, and the filters that make a stereo programme of it.

    ``device`` is true when hardware paces the source and may be missing or busy, ``alsa`` when ``url`` is a PCM that
    libasound can be asked about. ``locate`` tells the URL anew each
    time, for a device that may come back under another; ``url`` is then only what people call it.
    """

    url: str
    options: Options
    filters: tuple[Filter, ...] = ()
    device: bool = False
    alsa: bool = False
    locate: Callable[[], str] | None = None

    def located(self) -> Source:
        """The source as it is to be opened now.

        Raises:
            DeviceAbsentError: its device is not there.
        """
        return self if self.locate is None else replace(self, url=self.locate(), locate=None)


@dataclass(frozen=True)
class Output:
    """One output of the graph: its own filters, its options, and where it is written.

    Its time is the count of samples, so that cuts never follow the jitter of a device's timestamps; with
    ``source_time`` it is what the source says, which for a device is when each sample was captured.
    """

    target: str
    options: Options
    filters: tuple[Filter, ...] = ()
    source_time: bool = False


@dataclass(frozen=True)
class Rendition:
    """One quality of the programme, written as a row of segment files.

    ``options`` holds the encoder and, as ``segment_format``, the container of each file.
    """

    name: str
    extension: str
    options: Options
    filters: tuple[Filter, ...] = ()

    def output(self, folder_and_stem: str, segment_s: int) -> Output:
        """The output that writes ``<folder_and_stem>.<name>.<number>.<extension>``, cut every ``segment_s`` seconds."""
        return segmented(f"{folder_and_stem}.{self.name}", self.extension, segment_s, self.options, self.filters)


def segmented(stem: str, extension: str, segment_s: int, options: Options, filters: Sequence[Filter] = ()) -> Output:
    """An output of FFmpeg's segment muxer: one file every ``segment_s`` seconds, numbered from 0 with 8 digits."""
    return Output(
        # a percent sign of the path is not a number's
        target=f"{stem.replace('%', '%%')}.%08d.{extension}",
        options={
            "f": "segment",
            "segment_time": segment_s,
            # what is encoded is in the file at once: a crash finds it there
            "segment_format_options": "flush_packets=1",
            **options,
        },
        filters=tuple(filters),
    )
