"""A station on real parts, each of which can be made to fail, and an audit of all that it does."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import libfaketime
import pytest

from tests.chaos.footprint import Footprint, command_line, environment, footprint, naming, process_state
from tests.chaos.heard import PLAY_FRAMES
from tests.chaos.invariants import Auditor, leaks, losses_in, strays
from tests.chaos.recordings import Recordings
from tests.rig.mounts import tiny_tmpfs
from tests.rig.numbered import playing_numbers
from tests.rig.parts import comes_true, eventually
from tests.rig.proxy import Proxy, proxy_to
from tests.rig.radio import Radio
from tests.rig.reader import Reader, reading
from tests.rig.s3 import Bucket, S3Server
from tests.rig.sound import SoundDevice, sound_device

WINDOW = 4
_STATION = "chaos"


class Stage:
    """One station in one-second segments: sound device, disks, network, store, a reader, and a supervisor or none.

    With ``own_clock`` the supervisor and its children live by the wall clock that ``set_clock`` gives them.
    """

    def __init__(
        self, folder: Path, device: SoundDevice, bucket: Bucket, proxy: Proxy, reader: Reader, *, own_clock: bool
    ) -> None:
        self.folder = folder
        self.device = device
        self.bucket = bucket
        self.proxy = proxy
        self.recordings = Recordings(folder / "recordings")
        self.auditor = Auditor(reader, self.recordings)
        self._reader = reader
        self._own_clock = own_clock
        self._clock_file = folder / "clock"
        self._plays = 0
        self._playing = ExitStack()
        self._radio: Radio | None = None
        self.set_clock(0)

    @property
    def radio(self) -> Radio:
        """The supervisor, which must have been started."""
        assert self._radio is not None
        return self._radio

    @property
    def spool(self) -> Path:
        """The spool's folder, a file system of its own."""
        return self.folder / "spool"

    @property
    def server(self) -> S3Server:
        """The S3 server."""
        return self.bucket.server

    def play(self) -> None:
        """Plays the programme from a place on where it has never been."""
        self._plays += 1
        self._playing.enter_context(playing_numbers(self.device, self._plays * PLAY_FRAMES))

    def silence(self) -> None:
        """Ends what is played."""
        self._playing.close()

    def set_clock(self, offset_s: int) -> None:
        """Sets the wall clock of a station that has its own: so many seconds from the true time."""
        temporary = self._clock_file.with_suffix(".new")
        temporary.write_text(f"{offset_s:+d}\n", encoding="ascii")
        temporary.replace(self._clock_file)

    def start(self) -> None:
        """Starts a supervisor."""
        self.auditor.new_life()
        self._radio = Radio(self.folder, self._settings())

    def kill(self) -> None:
        """Ends the supervisor as a power cut would, and waits for its child to be gone."""
        self.radio.kill()
        self._tidy()
        self._deserted(15)

    def stop(self) -> list[str]:
        """Stops the supervisor as an operator would; what is wrong with that."""
        code = self.radio.stop()
        self._deserted(5)
        return [f"exit code {code}\n{self.radio.log[-4000:]}"] * (code != 0)

    def end(self) -> None:
        """Ends everything of the stage that runs, whatever state it is in."""
        if self._radio is not None and self._radio.process.poll() is None:
            self._radio.kill()
        self.silence()
        self._tidy()
        for pid in naming(str(self.spool)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def published(self, more: int, within_s: float) -> None:
        """Waits for so many segments more."""
        count = int(self.radio.status().get("segments_published", 0))
        self.radio.published(count + more, within_s)

    def recovered(self, within_s: float) -> None:
        """Waits until two more segments are published and nothing needs attention any more."""
        self.published(2, within_s)

        if not comes_true(lambda: not self._amiss(), 15, every_s=0.1):
            pytest.fail(f"after 15 s not as it was before: {self._amiss()}\n{self.radio.log[-3000:]}")

    def quiet(self) -> Footprint:
        """What the supervisor holds of the machine."""
        return footprint(self.radio.process.pid)

    def violations(self, before: Footprint) -> list[str]:
        """Everything that is not as it must be, of a station on air."""
        found = [*self.auditor.violations(), *self.auditor.untold_losses(self.radio), *self.leaks()]
        child = self.radio.status()["capture"]["pid"]
        if naming(str(self.spool)) != [child]:
            found.append(f"processes {naming(str(self.spool))} work on the spool, not {child} alone")
        left: list[str] = []

        def settled() -> bool:
            # a file that is being copied or read is open for a moment
            left[:] = self.quiet().violations_since(before)
            return not left

        comes_true(settled, 5)
        return found + left

    def violations_at_rest(self) -> list[str]:
        """Everything that is not as it must be after a stop."""
        found = [*self.auditor.violations(), *self.auditor.untold_skips(), *self.leaks()]
        found += [f"{key} is a stray" for key in strays(self.bucket, self._reader)]
        raw = sorted(path.name for path in (self.spool / "raw").iterdir())
        return found + [f"{name} was left behind" for name in raw]

    def missing_in_ledger(self) -> list[str]:
        """Whether the ledger and the manifests differ, of a station at rest."""
        return self.auditor.untold_in(self._ledger)

    def losses(self) -> list[dict[str, Any]]:
        """The lines of the ledger, as soon as every gap that was audited is among them."""
        eventually(lambda: self.auditor.all_told_in(self._ledger), 15, "the ledger has every gap that was seen")
        return losses_in(self._ledger)

    def leaks(self) -> list[str]:
        """Whether anything that others may read has a secret in it, or a traceback."""
        status = self.radio.status()
        child = status.get("capture", {}).get("pid") or 0
        shown = [command_line(self.radio.process.pid), command_line(child), environment(child), repr(status).encode()]
        files = [path.read_bytes() for path in (self.radio.log_path, self.spool / "status.json") if path.exists()]
        return leaks(*shown, *files) + ["a traceback is in the log"] * ("Traceback" in self.radio.log)

    @property
    def _ledger(self) -> Path:
        return self.folder / "recordings" / f"{_STATION}_losses.jsonl"

    def _amiss(self) -> list[str]:
        """What is not as on a station on air that nothing ails; what was and is over may stand there as a notice."""
        status = self.radio.status()
        state = [] if status["state"] == "on_air" else [f"the state is {status['state']}"]
        alarms = [
            f"alarm {alarm['code']}: {alarm['message']}" for alarm in status["alarms"] if alarm["severity"] != "notice"
        ]
        return state + alarms + [f"{key} is a stray" for key in strays(self.bucket, self._reader)]

    def _tidy(self) -> None:
        """Removes what libfaketime leaves behind of a killed process."""
        for name in ("faketime_shm_", "sem.faketime_sem_"):
            if self._radio is not None:
                Path(f"/dev/shm/{name}{self._radio.process.pid}").unlink(missing_ok=True)  # noqa: S108 - where it puts them

    def _deserted(self, within_s: float) -> None:
        """Waits until no process works on the spool."""
        if not comes_true(lambda: not naming(str(self.spool)), within_s):
            at_work = [(pid, command_line(pid), process_state(pid)) for pid in naming(str(self.spool))]
            pytest.fail(f"after {within_s} s still at work on the spool: {at_work}")

    def _settings(self) -> dict[str, str]:
        preload = Path(libfaketime.__file__).parent / "vendor/libfaketime/src/libfaketime.so.1"
        clock = {
            "LD_PRELOAD": str(preload),
            "FAKETIME_TIMESTAMP_FILE": str(self._clock_file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }
        return {
            **self.device.settings,
            **self.bucket.settings,
            **(clock if self._own_clock else {}),
            "R2_ENDPOINT": f"http://127.0.0.1:{self.proxy.port}",
            "RADIO_STATION": _STATION,
            # the disk of this stage is smaller than what is left free by default
            "RADIO_RECORDINGS_MIN_FREE_GB": "0",
            "RADIO_SEGMENT_SECONDS": "1",
            "RADIO_WINDOW": str(WINDOW),
            "RADIO_SPOOL_DIR": str(self.spool),
        }


@contextmanager
def staged(folder: Path, server: S3Server, *, own_clock: bool = False, recordings_mb: int = 256) -> Iterator[Stage]:
    """A stage on which the programme plays; ``folder`` is on tmpfs. Everything is gone when the block ends."""
    with ExitStack() as stack:
        for name, size in (("spool", "48m"), ("recordings", f"{recordings_mb}m")):
            stack.enter_context(tiny_tmpfs(folder / name, f"size={size}"))
        (folder / "sound").mkdir()
        device = stack.enter_context(sound_device(folder / "sound", 2))
        bucket = server.make_bucket(f"chaos-{uuid.uuid4().hex}")
        proxy = stack.enter_context(proxy_to(server.port))
        reader = stack.enter_context(reading(bucket))
        stage = Stage(folder, device, bucket, proxy, reader, own_clock=own_clock)
        stack.callback(stage.end)
        stage.play()
        yield stage
