"""From settings to a station: everything is checked, and everything that is wrong is said, before going on air."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from ffmpeg_profiles.environment import child_environment
from ffmpeg_profiles.profile import DeviceAbsentError, ProfileError, Source
from ffmpeg_profiles.trial import require_sound
from supervisor.bucket import Programme
from supervisor.devices import Device, probe, require_fit
from supervisor.errors import UserError
from supervisor.host_clock import kept_clock_ahead_s
from supervisor.identity import writer_id
from supervisor.key_age import days_file, first_day
from supervisor.listener import PublicAddress
from supervisor.names import Keys
from supervisor.recordings.retention import Limits
from supervisor.report import LOG
from supervisor.requests import R2_CLASS_A_FREE
from supervisor.room import Shortcoming, room_in, warnings
from supervisor.settings import Settings
from supervisor.spool import Spool
from supervisor.station import Plan
from supervisor.status import Setup
from supervisor.stores.folder import FolderStore
from supervisor.stores.s3 import Account, S3Store
from supervisor.stores.store import Store

_LEAST_TIMEOUT_S, _MOST_TIMEOUT_S = 10.0, 60.0
_DEVICE_WANTED_EVERY_S = 2.0

_R2_HOSTS = ".r2.cloudflarestorage.com"

_DEVICE_REMEDIES = {
    os.strerror(errno.EBUSY): "Another program is using it: 'fuser -v /dev/snd/*' shows which. On a desktop, "
    "switch the card off in the sound settings.",
    os.strerror(errno.EACCES): "Put this user into the group 'audio' and log in again: usermod -aG audio USER.",
}


def plan(
    settings: Settings, source: Source, ffmpeg: str, *, take_over: bool = False, device_within_s: float = 0.0
) -> Plan:
    """The station that ``settings`` describe, capturing ``source`` with the program ``ffmpeg``.

    A device that is not there yet is waited for as long as ``device_within_s``.

    Raises:
        UserError: names the setting or the missing part, and what to do.
    """
    if source.alsa:
        require_device(settings, source, device_within_s)
    elif not source.device:
        _require_sound(settings, source, ffmpeg)
    recordings = settings.radio_recordings_dir.resolve()
    return Plan(
        programme=Programme(
            station=settings.radio_station,
            writer=writer_id(recordings),
            segment_s=settings.radio_segment_seconds,
            sample_rate=settings.radio_sample_rate,
            window=settings.radio_window,
            offline_after_s=settings.offline_after_s,
        ),
        prefix=settings.radio_prefix,
        source=source,
        ffmpeg=ffmpeg,
        environment=child_environment(),
        recordings=recordings,
        limits=limits(settings),
        spool_wanted=settings.spool_wanted,
        status_address=settings.status_address,
        take_over=take_over,
        public=public_address(settings),
        setup=_setup(settings),
        alert_urls=tuple(settings.radio_alert_urls.get_secret_value().split()),
    )


def public_address(settings: Settings) -> PublicAddress | None:
    """Where listeners read the station; None when that is not known."""
    if not settings.r2_public_url:
        return None
    return PublicAddress(
        base=settings.r2_public_url,
        manifest=Keys(settings.radio_prefix).manifest,
        origin=settings.radio_page_origin,
        # by then the station itself would have said that it is off air
        stale_after_s=settings.offline_after_s,
    )


def require_device(settings: Settings, source: Source, within_s: float = 0.0) -> Device:
    """The device of ``source``, waited for as long as ``within_s``, which can do what ``settings`` ask of it.

    Raises:
        UserError: it is not there, cannot be opened, or cannot do it.
    """
    device = _awaited_device(settings.radio_source, source, within_s)
    # one that is there and does not fit would not fit later either
    require_fit(device, settings.input)
    return device


def _require_sound(settings: Settings, source: Source, ffmpeg: str) -> None:
    try:
        require_sound(ffmpeg, source)
    except (ProfileError, OSError) as error:
        raise UserError(
            f"RADIO_SOURCE={settings.radio_source}: it cannot be played: {error}.",
            "Name a file with sound in it that FFmpeg can decode; 'ffprobe FILE' tells what there is.",
        ) from error


def _awaited_device(name: str, source: Source, within_s: float) -> Device:
    ends_at_s = time.monotonic() + within_s
    said = False
    while True:
        try:
            return _opened_device(name, source)
        except UserError as error:
            if time.monotonic() >= ends_at_s:
                raise
            if not said:
                LOG.warning("waiting for the device, for %.0f s at most: %s", within_s, error.what)
            said = True
            time.sleep(_DEVICE_WANTED_EVERY_S)


def _opened_device(name: str, source: Source) -> Device:
    try:
        device = probe(source.located().url)
        problem = device.problem
    except DeviceAbsentError as error:
        problem = str(error)
    else:
        if not problem:
            return device
    raise UserError(
        f"RADIO_SOURCE={name}: the device cannot be opened: {problem}.",
        _DEVICE_REMEDIES.get(problem, "Is it plugged in? 'radio-supervisor devices' shows what there is."),
    )


def limits(settings: Settings) -> Limits:
    """What the archive is to keep to."""
    return Limits(
        keep_days=settings.radio_recordings_keep_days,
        min_free_bytes=round(settings.radio_recordings_min_free_gb * 1e9),
        period_s=settings.radio_recording_seconds,
    )


def store(settings: Settings, timeout_s: float | None = None) -> Store:
    """The store that ``settings`` name; a request takes ``timeout_s`` at most, or what a station allows.

    Raises:
        UserError: what it needs is not set or cannot be an S3 server, or its folder cannot be written.
    """
    if settings.radio_store.startswith("dir:"):
        return FolderStore(_writable(Path(settings.radio_store.removeprefix("dir:"))), kept_clock_ahead_s)
    required = ("r2_endpoint", "r2_bucket", "r2_access_key", "r2_secret_key")
    lacking = [name.upper() for name in required if not _plain(settings, name)]
    if lacking:
        raise UserError(
            f"RADIO_STORE=s3 needs {', '.join(lacking)}.",
            "Set them in the environment or the env file, or publish into a folder: RADIO_STORE=dir:PATH.",
        )
    endpoint = urlsplit(settings.r2_endpoint)
    account = Account(
        endpoint=endpoint.netloc,
        secure=endpoint.scheme == "https",
        bucket=settings.r2_bucket,
        access_key=settings.r2_access_key.get_secret_value(),
        secret_key=settings.r2_secret_key.get_secret_value(),
        region=settings.r2_region,
    )
    timeout_s = timeout_s or request_timeout_s(settings.radio_window, settings.radio_segment_seconds)
    try:
        return S3Store(account, timeout_s)
    except ValueError as error:
        raise UserError(
            f"R2_ENDPOINT={settings.r2_endpoint}: the S3 client cannot use it: {error}.",
            "Give the endpoint as the store's own page names it, for example https://s3.eu-west-1.amazonaws.com.",
        ) from error


def note_key(settings: Settings) -> None:
    """Keeps the first day of the store's key, which the doctor tells its age by; a disk that is away costs that."""
    key = settings.r2_access_key.get_secret_value()
    if settings.radio_store == "s3" and key:
        with suppress(OSError):
            first_day(days_file(settings.radio_recordings_dir), key, datetime.now(UTC).date())


def request_timeout_s(window: int, segment_s: int) -> float:
    """How long an upload may take: on a slow line, for as long as what it carries can still be listed.

    That is until as many newer segments wait as the window has. A line that carries nothing is noticed long before;
    signed and sent a second time it has to be less than a service manager's patience.
    """
    return min(_MOST_TIMEOUT_S, max(_LEAST_TIMEOUT_S, window * segment_s))


def spool(settings: Settings) -> Spool:
    """The spool that ``settings`` name, locked; what could be better about its folder is logged.

    Raises:
        UserError: it cannot be written, another supervisor uses it, or it has too little room.
    """
    made = Spool(settings.spool_dir)
    try:
        for warning in spool_warnings(settings, made):
            LOG.warning("%s", warning)
    except UserError:
        made.close()
        raise
    return made


def spool_warnings(settings: Settings, made: Spool) -> list[Shortcoming]:
    """What could be better about the folder of ``made``.

    Raises:
        UserError: it has too little room.
    """
    root = made.folders.root
    # what waits in it from a previous life is no lack of room
    return warnings(root, room_in(root, made.used_bytes()), settings.spool_wanted)


def _setup(settings: Settings) -> Setup:
    """What the status tells of the settings; nothing of it is secret."""
    host = urlsplit(settings.r2_endpoint).hostname or ""
    billed = settings.radio_store == "s3" and host.endswith(_R2_HOSTS)
    return Setup(
        source=settings.radio_source,
        segment_s=settings.radio_segment_seconds,
        window=settings.radio_window,
        offline_after_s=settings.offline_after_s,
        silence_db=settings.radio_silence_db,
        silence_s=settings.radio_silence_seconds,
        min_free_gb=settings.radio_recordings_min_free_gb,
        class_a_free=R2_CLASS_A_FREE if billed else None,
    )


def _writable(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder.resolve()
    except OSError as error:
        raise UserError(
            f"RADIO_STORE=dir:{folder}: the folder cannot be written: {error.strerror}.",
            "Choose a folder that this user may write.",
        ) from error


def _plain(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)
