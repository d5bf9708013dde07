"""Known programmes, and decoders that are not the project's own."""

from __future__ import annotations

import subprocess
import wave
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from mutagen.ogg import OggPage

Pcm = npt.NDArray[np.int32]
Sound = npt.NDArray[np.float32]


def programme(seconds: float, channels: int, seed: int) -> Pcm:
    """Loud 24-bit noise over a slow swell, never all zero, as 32-bit samples whose low 8 bits are 0."""
    frames = round(seconds * 48_000)
    random = np.random.default_rng(seed)
    swell = 0.3 + 0.2 * np.sin(np.arange(frames) / 48_000 * 2 * np.pi / 3.7)
    noise = random.uniform(-1, 1, (frames, channels)) * swell[:, None]
    samples = np.round(noise * (2**23 - 1)).astype(np.int32)
    samples[samples == 0] = 1
    return samples << 8


def write_wav(path: Path, samples: Pcm) -> None:
    """Stores 32-bit samples, one row a frame, as 24 bit at 48 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(3)
        file.setframerate(48_000)
        file.writeframes(samples.astype("<i4").view("uint8").reshape(-1, 4)[:, 1:].tobytes())


def decode_flac(data: bytes) -> Pcm:
    """The PCM as 24-bit numbers, one row a frame; by the reference decoder, which checks the MD5."""
    raw = subprocess.run(
        [
            "flac",
            "--decode",
            "--stdout",
            "--silent",
            "--warnings-as-errors",
            "--force-raw-format",
            "--endian=little",
            "--sign=signed",
            "-",
        ],
        input=data,
        capture_output=True,
        timeout=30,
        check=True,
    ).stdout
    packed = np.frombuffer(raw, np.uint8).reshape(-1, 3).astype(np.int32)
    wide = packed[:, 0] << 8 | packed[:, 1] << 16 | packed[:, 2] << 24
    pcm: Pcm = (wide >> 8).reshape(-1, 2)
    return pcm


def flac_is_perfect(path: Path) -> bool:
    """Whether ``flac -t`` finds nothing to remark."""
    tested = subprocess.run(
        ["flac", "--test", "--silent", "--warnings-as-errors", str(path)], capture_output=True, timeout=30, check=False
    )
    return tested.returncode == 0 and tested.stderr == b""


def decode_opus(data: bytes) -> Sound:
    """The samples that a player hears, one row a frame, pre-skip taken off."""
    raw = subprocess.run(
        ["ffmpeg", "-v", "error", "-c:a", "libopus", "-f", "ogg", "-i", "pipe:0", "-f", "f32le", "-ac", "2", "-"],
        input=data,
        capture_output=True,
        timeout=30,
        check=True,
    ).stdout
    return np.frombuffer(raw, np.float32).reshape(-1, 2)


def opus_packets(data: bytes) -> list[bytes]:
    """All packets of an Ogg Opus file: head, tags, audio."""
    file, pages = BytesIO(data), []
    while file.tell() < len(data):
        pages.append(OggPage(file))
    packets: list[bytes] = OggPage.to_packets(pages)
    return packets


def one_opus_file(segments: list[tuple[bytes, int]]) -> bytes:
    """Segments (file, pre-roll samples) as the one continuous stream that they were cut from."""
    head, tags = opus_packets(segments[0][0])[:2]
    audio = [packet for data, preroll in segments for packet in opus_packets(data)[2 + preroll // 960 :]]
    pages = []
    for number, packets in enumerate([[head[:10] + b"\0\0" + head[12:]], [tags], *([packet] for packet in audio)]):
        page = OggPage()
        page.packets, page.sequence, page.position = packets, number, max(0, number - 1) * 960
        pages.append(page)
    pages[0].first = pages[-1].last = True
    return b"".join(page.write() for page in pages)
