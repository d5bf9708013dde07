"""Puts the areas together: which run beside each other, and what one tells the other."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from functools import partial
from pathlib import Path

from supervisor.doctor import alerting, bucket, clock, keys, recordings, source, spool
from supervisor.doctor.check import Area, Check
from supervisor.doctor.runner import run
from supervisor.settings import Settings
from supervisor.spool import Folders, is_in_use

_WITHIN_S = 20.0
_MEASURED_WITHIN_S = 15.0


def examine(settings: Settings, env_file: Path | None, origin: str | None) -> list[Check]:
    """Every check, in under 30 s whatever hangs; six requests of class A."""
    on_air = is_in_use(Folders(settings.spool_dir))
    bytes_per_s: Future[float | None] = Future()
    areas = [
        Area("source", partial(source.checks, settings, on_air=on_air, measured=bytes_per_s.set_result)),
        Area("spool", partial(spool.checks, settings, on_air=on_air)),
        Area("recordings", partial(_recordings, settings, bytes_per_s)),
        Area("clock", clock.checks),
        Area("keys", partial(keys.checks, settings, env_file)),
        Area("alerts", partial(alerting.checks, settings)),
        Area("bucket", partial(bucket.checks, settings, origin), left=bucket.left(settings)),
    ]
    return run(areas, _WITHIN_S)


def _recordings(settings: Settings, bytes_per_s: Future[float | None]) -> Iterator[Check]:
    def measured() -> float | None:
        try:
            return bytes_per_s.result(_MEASURED_WITHIN_S)
        except FutureTimeoutError:
            return None

    return recordings.checks(settings, measured)
