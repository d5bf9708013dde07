"""A stop in the middle of a fault: over within 25 s, with exit code 0, whatever it is that does not answer."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.rig.audio import programme, write_wav
from tests.rig.mounts import tiny_tmpfs
from tests.rig.parts import eventually
from tests.rig.proxy import Line, proxy_to
from tests.rig.radio import Radio, on_air
from tests.rig.s3 import Bucket
from tests.rig.sound import sound_device

Fault = Callable[[Radio], object]


def stopped_in_time(radio: Radio) -> bool:
    """Stops it, which has to be over with exit code 0 within what was promised."""
    began_s = time.monotonic()
    assert radio.stop(within_s=25) == 0
    return time.monotonic() - began_s < 25


@contextmanager
def stalled_device(tmpfs: Path, _: Bucket) -> Iterator[tuple[Mapping[str, str], Fault]]:
    """A sound card that delivers nothing any more."""
    with sound_device(tmpfs, 2) as device:

        def stall(_: Radio) -> None:
            device.signal(signal.SIGSTOP)

        try:
            yield device.settings, stall
        finally:
            device.signal(signal.SIGCONT)


@contextmanager
def throttled_line(_: Path, bucket: Bucket) -> Iterator[tuple[Mapping[str, str], Fault]]:
    """A line that carries a tenth of what it should."""
    with proxy_to(bucket.server.port) as proxy:

        def throttle(radio: Radio) -> None:
            proxy.become(Line(bit_s=1e5))
            eventually(lambda: radio.status()["queue_depth"] > 1, 20, "segments wait")

        yield {"R2_ENDPOINT": f"http://127.0.0.1:{proxy.port}"}, throttle


@contextmanager
def frozen_gateway(_: Path, bucket: Bucket) -> Iterator[tuple[Mapping[str, str], Fault]]:
    """A store that takes connections and does nothing."""

    def freeze(radio: Radio) -> None:
        bucket.server.signal(signal.SIGSTOP)
        eventually(lambda: radio.status()["queue_depth"] > 1, 20, "segments wait")

    try:
        yield {}, freeze
    finally:
        bucket.server.signal(signal.SIGCONT)


@contextmanager
def full_spool(tmpfs: Path, _: Bucket) -> Iterator[tuple[Mapping[str, str], Fault]]:
    """A spool in which not a byte can be written."""
    with tiny_tmpfs(tmpfs / "small", "size=16m") as folder:

        def filled(radio: Radio) -> bool:
            with (folder / "ballast").open("ab") as file, suppress(OSError):  # somebody else was quicker
                os.posix_fallocate(file.fileno(), file.tell(), max(1, shutil.disk_usage(folder).free))
            return "spool_full" in {alarm["code"] for alarm in radio.status()["alarms"]}

        yield (
            {"RADIO_SPOOL_DIR": str(folder)},
            lambda radio: eventually(lambda: filled(radio), 20, "there is no room"),
        )


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", [stalled_device, throttled_line, frozen_gateway, full_spool])
def test_a_stop_ends_in_time(
    tmp_path: Path,
    tmpfs: Path,
    bucket: Bucket,
    fault: Callable[[Path, Bucket], AbstractContextManager[tuple[Mapping[str, str], Fault]]],
) -> None:
    """Whatever hangs or is full at that moment, the station ends as it was asked to."""
    settings = {
        **bucket.settings,
        "RADIO_SOURCE": "tone:",
        "RADIO_SEGMENT_SECONDS": "1",
        "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
    }
    with ExitStack() as stack:
        more, inflict = stack.enter_context(fault(tmpfs, bucket))
        radio = stack.enter_context(on_air(tmp_path, {**settings, **more}))
        radio.published(2, within_s=60)
        inflict(radio)
        assert stopped_in_time(radio)


@pytest.mark.timeout(180)
def test_a_megabit_carries_what_it_can(tmp_path: Path, tmpfs: Path, bucket: Bucket) -> None:
    """On a line of 1 Mbit/s ten-second segments of 2.4 Mbit/s are published, not all of them, and it can be stopped."""
    write_wav(tmp_path / "loud.wav", programme(10, 2, seed=7))
    with proxy_to(bucket.server.port) as proxy:
        proxy.become(Line(bit_s=1e6))
        settings = {
            **bucket.settings,
            "R2_ENDPOINT": f"http://127.0.0.1:{proxy.port}",
            "RADIO_SOURCE": f"file:{tmp_path / 'loud.wav'}",
            "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
        }
        with on_air(tmp_path, settings) as radio:
            radio.published(1, within_s=120)
            status = radio.status()
            assert status["upload"]["mbit_s"] < 1.05
            assert status["upload"]["needed_mbit_s"] > 2.2
            assert stopped_in_time(radio)
