"""A real ALSA capture device without hardware: PulseAudio behind the ALSA API, paced in real time, bit-exact."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from tests.rig.parts import eventually, need

_MAPS = {2: "front-left,front-right", 4: "front-left,front-right,rear-left,rear-right"}


@dataclass
class SoundDevice:
    """A null sink whose monitor is the ALSA PCM ``umc``."""

    folder: Path
    channels: int
    _daemon: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> dict[str, str]:
        """What the supervisor and FFmpeg need in their environment to capture from it."""
        return {
            "ALSA_CONFIG_PATH": str(self.folder / "asound.conf"),
            # data every 100 ms, as from hardware
            "PULSE_LATENCY_MSEC": "100",
            "RADIO_SOURCE": "alsa:umc",
            "RADIO_INPUT_CHANNELS": str(self.channels),
        }

    def settings_as_card(self, number: int) -> dict[str, str]:
        """The same for capturing from it as card ``number`` (``hw:1``), and as no other one."""
        card = self.folder / "card.conf"
        card.write_text(
            f"<{self.folder / 'asound.conf'}>\n"
            "pcm.!hw { @args [ CARD DEV SUBDEV ] "
            "@args.CARD { type string default '0' } @args.DEV { type integer default 0 } "
            "@args.SUBDEV { type integer default -1 } "
            'type empty slave.pcm { @func concat strings [ "card" $CARD ] } }\n'
            f'pcm.card{number} {{ type empty slave.pcm "umc" }}\n',
            encoding="ascii",
        )
        return {**self.settings, "ALSA_CONFIG_PATH": str(card)}

    def plug_in(self) -> None:
        """Makes the device appear."""
        socket = self.folder / "native"
        socket.unlink(missing_ok=True)
        (self.folder / "asound.conf").write_text(
            "</usr/share/alsa/alsa.conf>\n"
            f'pcm.umc {{ type pulse server "unix:{socket}" device "radio.monitor" '
            'hint { show on description "Test interface" } }\n'
            f'ctl.umc {{ type pulse server "unix:{socket}" }}\n',
            encoding="ascii",
        )
        sink = f"sink_name=radio format=s32le rate=48000 channels={self.channels} channel_map={_MAPS[self.channels]}"
        with (self.folder / "pulseaudio.log").open("ab") as log:
            self._daemon = subprocess.Popen(
                [
                    *("pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no"),
                    *("-L", f"module-native-protocol-unix auth-anonymous=1 socket={socket}"),
                    *("-L", f"module-null-sink {sink}"),
                ],
                env={**os.environ, "XDG_RUNTIME_DIR": str(self.folder), "HOME": str(self.folder)},
                stdout=log,
                stderr=log,
                process_group=0,
            )
        eventually(lambda: self._pactl("list", "short", "sinks"), 10, "PulseAudio has its sink")

    def unplug(self) -> None:
        """Makes the device vanish."""
        if self._daemon is not None:
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the daemon: SIGSTOP is a device that stalls."""
        assert self._daemon is not None
        self._daemon.send_signal(number)

    @contextmanager
    def playing(self, programme: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Plays a raw file of 32-bit samples with the device's channels, once."""
        with programme.open("rb") as samples:
            player = self.player(samples)
        try:
            yield player
        finally:
            player.kill()
            player.wait()

    def player(self, samples: BinaryIO | int) -> subprocess.Popen[bytes]:
        """A process that plays 32-bit samples with the device's channels until they end; the caller ends it."""
        return subprocess.Popen(
            [
                *("pacat", f"--server=unix:{self.folder / 'native'}", "--playback", "--device=radio", "--raw"),
                *("--format=s32le", "--rate=48000", f"--channels={self.channels}"),
                *(f"--channel-map={_MAPS[self.channels]}", "--latency-msec=500"),
            ],
            stdin=samples,
            env={**os.environ, "XDG_RUNTIME_DIR": str(self.folder), "HOME": str(self.folder)},
        )

    @contextmanager
    def skipping(self) -> Iterator[None]:
        """Delivers nothing and keeps nothing, as a device does whose buffer has run over; time goes on."""
        self._pactl("suspend-sink", "radio", "1")
        try:
            yield
        finally:
            self._pactl("suspend-sink", "radio", "0")

    def _pactl(self, *words: str) -> bool:
        asked = subprocess.run(
            ["pactl", f"--server=unix:{self.folder / 'native'}", *words],
            env={**os.environ, "XDG_RUNTIME_DIR": str(self.folder), "HOME": str(self.folder)},
            capture_output=True,
            timeout=10,
            check=False,
        )
        return asked.returncode == 0 and b"radio" in asked.stdout


@contextmanager
def sound_device(folder: Path, channels: int) -> Iterator[SoundDevice]:
    """A device that is there until the block ends."""
    need("pulseaudio", "pacat", "pactl", "ffmpeg")
    device = SoundDevice(folder, channels)
    device.plug_in()
    try:
        yield device
    finally:
        device.unplug()
