"""What is captured: FFmpeg and its codecs, the device, and what it delivers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

from ffmpeg_profiles.capabilities import version
from ffmpeg_profiles.profile import DeviceAbsentError, Source
from ffmpeg_profiles.sources import parse_source
from supervisor import prepare
from supervisor.devices import CAPTURED_FORMAT
from supervisor.doctor import hearing
from supervisor.doctor.check import Check, failed, ok, refused, skipped
from supervisor.encoding import usable_ffmpeg
from supervisor.errors import UserError
from supervisor.settings import Settings, source_of

SOURCE, FFMPEG, DEVICE = "source", "ffmpeg", "device"


def checks(settings: Settings, *, on_air: bool, measured: Callable[[float | None], None]) -> Iterator[Check]:
    """FFmpeg, the device and two seconds of it; ``measured`` is told the bytes of FLAC a second, None if unknown."""
    bytes_per_s = None
    try:
        source = yield from _source(settings)
        ffmpeg = yield from _ffmpeg(source or parse_source("tone:"))
        if source is not None:
            fit = yield from _device(settings, source, on_air=on_air)
            if fit and ffmpeg:
                bytes_per_s = yield from _sound(settings, source, ffmpeg)
    finally:
        measured(bytes_per_s)


def _source(settings: Settings) -> Generator[Check, None, Source | None]:
    try:
        return source_of(settings)
    except UserError as error:
        yield refused(SOURCE, error)
        return None


def _ffmpeg(source: Source) -> Generator[Check, None, str]:
    """Gives the program; empty when there is no usable one."""
    try:
        found = usable_ffmpeg(source)
    except UserError as error:
        yield refused(FFMPEG, error)
        return ""
    yield ok(FFMPEG, f"version {version(found)[0]} with every codec and filter that is needed ({found})")
    return found


def _device(settings: Settings, source: Source, *, on_air: bool) -> Generator[Check, None, bool]:
    """Gives whether it can be listened to."""
    if on_air:
        yield skipped(DEVICE, "this station is on air: its supervisor has the device", "See 'radio-supervisor status'.")
        return False
    if not source.alsa:
        yield skipped(DEVICE, f"RADIO_SOURCE={settings.radio_source} is no device of ALSA's")
        return True
    try:
        device = prepare.require_device(settings, source)
    except UserError as error:
        yield refused(DEVICE, error)
        return False
    wanted = settings.input
    yield ok(DEVICE, f"{device.name}: {wanted.channels} channels at {wanted.sample_rate} Hz, {CAPTURED_FORMAT}")
    return True


def _sound(settings: Settings, source: Source, ffmpeg: str) -> Generator[Check, None, float | None]:
    """Gives the bytes of FLAC a second, or None when what was heard is no measure of them."""
    try:
        it = hearing.listen(ffmpeg, source, settings.radio_sample_rate)
    except (DeviceAbsentError, OSError) as error:
        yield failed(hearing.NAME, f"capture could not be started: {error}", "Is the device plugged in? Ask again.")
        return None
    yield hearing.judged(it, settings.radio_sample_rate, settings.radio_silence_db)
    return None if it.silent else it.hq_bytes_per_s
