"""Capture devices as ALSA knows them, asked of libasound itself (ALSA PCM interface)."""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import cast

from ffmpeg_profiles.profile import Input
from ffmpeg_profiles.sources.usb import unique_names, usb_cards
from supervisor.errors import UserError

_CAPTURE = 1
_NONBLOCK = 1
_RATES = (32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
_FORMATS = {"S16_LE": 2, "S24_LE": 6, "S32_LE": 10, "S24_3LE": 32}
_MOST_CHANNELS = 64

CAPTURED_FORMAT = "S32_LE"
"""What FFmpeg asks for (``-c:a pcm_s32le``)."""

# plugins of ALSA's own configuration that are no device: listing them only hides the ones that are
_PLUGINS = ("null", "lavrate", "samplerate", "speexrate", "jack", "oss", "speex", "upmix", "vdownmix", "usbstream")
# the same hardware under the name of a converting plugin, which would no longer be bit-exact
_CONVERTING = ("sysdefault:", "front:", "dsnoop:", "plughw:", "dmix:", "surround")
_FIRST_PCM = re.compile(r"hw:CARD=(\w+)(?:,DEV=0)?")

_ErrorHandler = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p)
# without it ALSA prints every failed probe; libasound keeps calling it, so it has to live as long as the process
_SILENT = _ErrorHandler(lambda *_: None)


@dataclass(frozen=True)
class Device:
    """One PCM: the name to configure, what it is called, and what it can do, or why it cannot be opened."""

    name: str
    description: str
    channels: tuple[int, int] | None = None
    rates: tuple[int, ...] = ()
    formats: tuple[str, ...] = ()
    problem: str = ""
    usb_source: str = ""

    @property
    def source(self) -> str:
        """What RADIO_SOURCE is set to for it; ``usb_source`` does as well, where there is one."""
        return f"alsa:{self.name}"


def capture_devices() -> list[Device]:
    """Every device that can capture, by its stable name.

    Raises:
        UserError: there is no ALSA library on this machine.
    """
    asound = _library()
    usb_names = unique_names(usb_cards())
    probed = (_probed(asound, name, description) for name, description in sorted(_hints(asound)))
    return [replace(device, usb_source=usb_source(device.name, usb_names)) for device in probed]


def usb_source(pcm: str, names: Mapping[str, str]) -> str:
    """What a usb: source calls ``pcm``, from the names of cards by their ID; empty unless it is a card's first PCM."""
    first = _FIRST_PCM.fullmatch(pcm)
    return names.get(first[1], "") if first else ""


def probe(name: str) -> Device:
    """What the PCM ``name`` can do now, or its problem: why it cannot be opened for capture.

    Raises:
        UserError: there is no ALSA library on this machine.
    """
    return _probed(_library(), name, "")


def require_fit(device: Device, wanted: Input) -> None:
    """Makes sure that a device can do what FFmpeg will ask of it: FFmpeg takes the nearest rate without a word.

    Raises:
        UserError: it cannot; says which setting is to be another, or what to do.
    """
    least, most = device.channels or (0, 0)
    if not least <= wanted.channels <= most:
        raise UserError(
            f"RADIO_INPUT_CHANNELS={wanted.channels}: {device.name} has "
            f"{least if least == most else f'{least} to {most}'} channels.",
            "Set it to the device's own count; RADIO_INPUT_PAIR picks the two that are heard.",
        )
    if wanted.sample_rate not in device.rates:
        raise UserError(
            f"RADIO_SAMPLE_RATE={wanted.sample_rate}: {device.name} cannot do {wanted.sample_rate} Hz "
            f"({_listed(device.rates)}).",
            f"Set the device to {wanted.sample_rate} Hz if it has a switch for that, or name another in RADIO_SOURCE.",
        )
    if CAPTURED_FORMAT not in device.formats:
        raise UserError(
            f"RADIO_SOURCE: {device.name} delivers no {CAPTURED_FORMAT} ({_listed(device.formats)}).",
            "Put a 'pcm' of 'type plug' around it in ~/.asoundrc, and name that one in RADIO_SOURCE.",
        )


def _listed(found: Sequence[int | str]) -> str:
    return ", ".join(map(str, found)) or "nor anything usual"


def _library() -> ctypes.CDLL:
    try:
        asound = ctypes.CDLL("libasound.so.2")
    except OSError:
        raise UserError(
            "there is no ALSA library (libasound.so.2).", "Install it: apt-get install libasound2"
        ) from None
    asound.snd_strerror.restype = ctypes.c_char_p
    asound.snd_device_name_get_hint.restype = ctypes.c_void_p
    asound.snd_device_name_get_hint.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    asound.snd_device_name_free_hint.argtypes = [ctypes.POINTER(ctypes.c_void_p)]
    asound.snd_lib_error_set_handler.argtypes = [ctypes.c_void_p]
    asound.snd_lib_error_set_handler(ctypes.cast(_SILENT, ctypes.c_void_p))
    return asound


def _hints(asound: ctypes.CDLL) -> Iterator[tuple[str, str]]:
    hints = ctypes.POINTER(ctypes.c_void_p)()
    if asound.snd_device_name_hint(-1, b"pcm", ctypes.byref(hints)) < 0:
        return
    try:
        for hint in _until_null(hints):
            name, description, direction = (_hint(asound, hint, field) for field in (b"NAME", b"DESC", b"IOID"))
            if name and direction != "Output" and name not in _PLUGINS and not name.startswith(_CONVERTING):
                yield name, " ".join(description.split())
    finally:
        asound.snd_device_name_free_hint(hints)


def _until_null(pointers: ctypes._Pointer[ctypes.c_void_p]) -> Iterator[int]:
    """The elements of a C array that ends with NULL; it has no length."""
    index = 0
    while pointers[index]:
        yield cast("int", pointers[index])
        index += 1


def _hint(asound: ctypes.CDLL, hint: int, field: bytes) -> str:
    found = asound.snd_device_name_get_hint(hint, field)
    if not found:
        return ""
    text = (ctypes.cast(found, ctypes.c_char_p).value or b"").decode(errors="replace")
    ctypes.CDLL(None).free(ctypes.c_void_p(found))
    return text


def _probed(asound: ctypes.CDLL, name: str, description: str) -> Device:
    try:
        with _opened(asound, name) as (pcm, parameters):
            test_rate, test_format = asound.snd_pcm_hw_params_test_rate, asound.snd_pcm_hw_params_test_format
            least, most = ctypes.c_uint(), ctypes.c_uint()
            asound.snd_pcm_hw_params_get_channels_min(parameters, ctypes.byref(least))
            asound.snd_pcm_hw_params_get_channels_max(parameters, ctypes.byref(most))
            return Device(
                name,
                description,
                channels=(least.value, min(most.value, _MOST_CHANNELS)),
                rates=tuple(rate for rate in _RATES if not test_rate(pcm, parameters, rate, 0)),
                formats=tuple(f for f, code in _FORMATS.items() if not test_format(pcm, parameters, code)),
            )
    except OSError as error:
        return Device(name, description, problem=str(error.strerror))


@contextmanager
def _opened(asound: ctypes.CDLL, name: str) -> Iterator[tuple[ctypes.c_void_p, ctypes.c_void_p]]:
    pcm, parameters = ctypes.c_void_p(), ctypes.c_void_p()
    _check(asound, asound.snd_pcm_open(ctypes.byref(pcm), os.fsencode(name), _CAPTURE, _NONBLOCK))
    try:
        _check(asound, asound.snd_pcm_hw_params_malloc(ctypes.byref(parameters)))
        try:
            _check(asound, asound.snd_pcm_hw_params_any(pcm, parameters))
            yield pcm, parameters
        finally:
            asound.snd_pcm_hw_params_free(parameters)
    finally:
        asound.snd_pcm_close(pcm)


def _check(asound: ctypes.CDLL, result: int) -> None:
    if result < 0:
        raise OSError(-result, asound.snd_strerror(result).decode())
