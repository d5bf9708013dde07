"""A programme without end in which every frame is a number of its own: whoever hears one knows where it belongs."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import numpy as np
import numpy.typing as npt

from tests.rig.audio import Pcm
from tests.rig.sound import SoundDevice

Numbers = npt.NDArray[np.int64]

_MASK = np.uint64(2**48 - 1)
_HALF = np.uint64(24)
_FACTORS = (0x9E3779B97F4B, 0xBF58476D1CE5)
"""Odd, so that multiplying by them modulo 2^48 can be undone."""
_SIGN = 1 << 23
_BLOCK_FRAMES = 12_000


def numbered(first: int, frames: int) -> Pcm:
    """Frames ``first``, ``first`` + 1, … as 24-bit stereo: noise to the ear, a bijection of the number to the eye.

    The number is mixed by two rounds of multiply and xor-shift modulo 2^48; frame 0 alone is silence.
    """
    mixed = np.arange(first, first + frames, dtype=np.uint64)
    for factor in _FACTORS:
        mixed = (mixed * np.uint64(factor)) & _MASK
        mixed ^= mixed >> _HALF
    halves = np.stack([mixed >> _HALF, mixed & np.uint64(2**24 - 1)], axis=1).astype(np.int32)
    return np.where(halves >= _SIGN, halves - 2 * _SIGN, halves)


def numbers(pcm: Pcm) -> Numbers:
    """The number of every frame of a 24-bit stereo recording; 0 for silence."""
    halves = pcm.astype(np.int64).astype(np.uint64) & np.uint64(2**24 - 1)
    mixed = halves[:, 0] << _HALF | halves[:, 1]
    for factor in reversed(_FACTORS):
        mixed ^= mixed >> _HALF  # half the bits: its own inverse
        mixed = (mixed * np.uint64(pow(factor, -1, 2**48))) & _MASK
    return mixed.astype(np.int64)


@contextmanager
def playing_numbers(device: SoundDevice, first: int) -> Iterator[None]:
    """Plays frames ``first``, ``first`` + 1, … until the block ends or the device is gone."""
    source, sink = os.pipe()
    # 2.7 s in hand, so that a busy machine is no hole in the programme
    fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, 1 << 20)
    player = device.player(source)
    os.close(source)
    feeder = threading.Thread(target=_feed, args=(sink, first), name="feeder")
    feeder.start()
    try:
        yield
    finally:
        player.kill()
        player.wait()
        feeder.join()


def _feed(sink: int, first: int) -> None:
    with suppress(BrokenPipeError), os.fdopen(sink, "wb") as pipe:
        while True:
            pipe.write((numbered(first, _BLOCK_FRAMES) << 8).tobytes())
            first += _BLOCK_FRAMES
