"""The settings: every name, what it may be, its default, and where its value came from."""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ffmpeg_profiles.profile import Input, ProfileError, Source
from ffmpeg_profiles.sources import parse_source
from supervisor.errors import UserError
from supervisor.room import BYTES_PER_MB, Wanted

_PREFIXES = ("RADIO_", "R2_")
_MASK = "********"


def _setting(default: Any, allowed: str, description: str, **limits: Any) -> Any:  # noqa: ANN401 - as pydantic's Field
    return Field(default, description=description, json_schema_extra={"allowed": allowed}, **limits)


class Settings(BaseSettings):
    """Everything that can be set. The name of a setting is the field's name in capitals."""

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, env_ignore_empty=True, env_file_encoding="utf-8", hide_input_in_errors=True
    )

    r2_endpoint: str = _setting(
        "", "a URL without a path", "The S3 endpoint, for example `https://<account>.r2.cloudflarestorage.com`."
    )
    r2_bucket: str = _setting("", "3 to 63 of `a-z`, `0-9`, `-`, `.`", "The bucket.")
    r2_access_key: SecretStr = _setting(SecretStr(""), "text", "The access key ID of the API token.")
    r2_secret_key: SecretStr = _setting(SecretStr(""), "text", "The secret access key of the API token.")
    r2_public_url: str = _setting(
        "",
        "a URL",
        "Where listeners read the bucket; shown. While on air the newest segment is played from there every 5 min.",
    )
    r2_region: str = _setting("auto", "a region's name", "The region to sign for; R2's is `auto`.")

    radio_store: str = _setting("s3", "`s3` or `dir:PATH`", "Where segments are published.")
    radio_prefix: str = _setting(
        "", "letters, digits, `.`, `_`, `-`, `/`", "Goes in front of every key: several stations in one bucket."
    )
    radio_station: str = _setting(
        "radio", "letters, digits, `.`, `_`, `-`; at most 64", "The station's name, in the manifest and in file names."
    )
    radio_source: str = _setting("", "`alsa:PCM`, `usb:VID:PID[:SERIAL]`, `file:PATH` or `tone:`", "What is captured.")
    radio_input_channels: int = _setting(2, "1 to 64", "How many channels the device has.", ge=1, le=64)
    radio_input_pair: Annotated[tuple[int, int], NoDecode] = _setting(
        (1, 2), "two channel numbers from 1, for example `3,4`", "Which of them are left and right."
    )
    radio_sample_rate: Literal[48000] = _setting(
        48000, "48000", "Samples a second. Opus is always 48 kHz, and both qualities are cut on the same sample."
    )
    radio_segment_seconds: int = _setting(10, "1 to 30, whole", "The length of a segment.", ge=1, le=30)
    radio_window: int = _setting(3, "2 to 100", "How many segments stay in the bucket.", ge=2, le=100)
    radio_spool_dir: Path | None = _setting(
        None,
        "a folder on tmpfs",
        "Where segments wait. Default: `/staging` if it is there, else a folder of this station under `/dev/shm`.",
    )
    radio_spool_limit_mb: int = _setting(
        256, "16 or more; room for the window and four segments", "How much may wait there.", ge=16
    )
    radio_recordings_dir: Path = _setting(Path("./recordings"), "a folder", "Where everything is archived.")
    radio_recordings_keep_days: int | None = _setting(
        None, "1 to 36500", "Recordings older than this are deleted. Not set: kept for ever.", ge=1, le=36_500
    )
    radio_recordings_min_free_gb: float = _setting(
        5.0,
        "0 to 1000000",
        "Space to leave free on the disk. The oldest recordings go for it; if that is too little, archiving waits.",
        ge=0,
        le=1e6,
        allow_inf_nan=False,
    )
    radio_recording_seconds: int = _setting(
        3600, "a divisor of 86400", "The length of a recording, cut on the full UTC hour.", ge=1, le=86_400
    )
    radio_offline_after: float | None = _setting(
        None,
        "at least two segments",
        "Seconds without a new segment until the manifest says off air. Default: 30, or three segments if longer.",
        allow_inf_nan=False,
    )
    radio_status_listen: str = _setting(
        "127.0.0.1:9464", "HOST:PORT", "Where `/status.json`, `/metrics` and `/healthz` answer."
    )
    radio_log_format: Literal["text", "json"] = _setting(
        "text", "`text` or `json`", "Log lines for people or machines."
    )
    radio_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = _setting(
        "INFO", "`DEBUG`, `INFO`, `WARNING` or `ERROR`", "How much is logged."
    )
    radio_silence_db: float = _setting(-60.0, "-144 to 0", "Quieter than this is silence (dBFS).", ge=-144, le=0)
    radio_silence_seconds: float = _setting(20.0, "1 or more", "Silence this long is an alarm.", ge=1)
    radio_page_origin: str = _setting(
        "",
        "`https://HOST` or `https://HOST:PORT`",
        "The page that plays the station: whether it may read the bucket (CORS) is looked at every few minutes.",
    )
    radio_alert_urls: SecretStr = _setting(SecretStr(""), "URLs, separated by spaces", "Where alarms are sent.")

    @field_validator("r2_endpoint")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("it must begin with https:// (or http://) and name a host")
        if _port_is_wrong(value):
            raise ValueError("its port is not a number from 1 to 65535")
        if parts.username or parts.password:
            raise ValueError("keys do not belong in it; use R2_ACCESS_KEY and R2_SECRET_KEY")
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValueError("it must not have a path; the bucket is named by R2_BUCKET")
        return value.rstrip("/")

    @field_validator("r2_bucket")
    @classmethod
    def _bucket(cls, value: str) -> str:
        is_name = re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value) and not re.search(r"\.[.-]|-\.", value)
        if value and (not is_name or re.fullmatch(r"[0-9.]+", value)):
            raise ValueError("S3 knows no such names")
        return value

    @field_validator("r2_public_url")
    @classmethod
    def _public_url(cls, value: str) -> str:
        if value and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
            raise ValueError("it must begin with https:// (or http://) and name a host")
        return value.rstrip("/")

    @field_validator("radio_page_origin")
    @classmethod
    def _page_origin(cls, value: str) -> str:
        if value and not is_origin(value):
            raise ValueError("it is not the scheme, host and port of a page, and nothing else")
        return value.lower()

    @field_validator("radio_store")
    @classmethod
    def _store(cls, value: str) -> str:
        if value != "s3" and not re.fullmatch(r"dir:.+", value):
            raise ValueError("it is neither s3 nor dir:PATH")
        return value

    @field_validator("radio_prefix")
    @classmethod
    def _prefix(cls, value: str) -> str:
        value = value.strip("/")
        parts = value.split("/")
        if value and not all(re.fullmatch(r"[A-Za-z0-9._-]+", part) and set(part) != {"."} for part in parts):
            raise ValueError("it is not a row of plain names with / between them")
        return value

    @field_validator("radio_station")
    @classmethod
    def _station(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
            raise ValueError("it must begin with a letter or digit and become part of a file name")
        return value

    @field_validator("radio_input_pair", mode="before")
    @classmethod
    def _pair(cls, value: object) -> object:
        if isinstance(value, str):
            numbers = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*", value)
            if numbers is None:
                raise ValueError("it is not two numbers with a comma between them")
            return int(numbers[1]), int(numbers[2])
        return value

    @field_validator("radio_recording_seconds")
    @classmethod
    def _recording_seconds(cls, value: int) -> int:
        if 86_400 % value:
            raise ValueError("the days would not begin with a new recording")
        return value

    @field_validator("radio_sample_rate", mode="before")
    @classmethod
    def _rate(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdecimal() else value

    @field_validator("radio_log_level", mode="before")
    @classmethod
    def _level(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("radio_status_listen")
    @classmethod
    def _listen(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 - the highest port
            raise ValueError("it is not HOST:PORT")
        return value

    @property
    def offline_after_s(self) -> float:
        """Seconds without a new segment until the station counts as off air."""
        return (
            max(30.0, 3.0 * self.radio_segment_seconds)
            if self.radio_offline_after is None
            else self.radio_offline_after
        )

    @property
    def status_address(self) -> tuple[str, int]:
        """Host and port of the status server."""
        host, _, port = self.radio_status_listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def spool_dir(self) -> Path:
        """The spool's folder."""
        if self.radio_spool_dir is not None:
            return self.radio_spool_dir
        staging = Path("/staging")
        return staging if staging.is_dir() else Path(f"/dev/shm/radio-supervisor-{os.getuid()}/{self.radio_station}")  # noqa: S108 - private by name and mode

    @property
    def spool_wanted(self) -> Wanted:
        """What the station makes of its spool."""
        segment_samples = self.radio_segment_seconds * self.radio_sample_rate
        limit_bytes = self.radio_spool_limit_mb * BYTES_PER_MB
        return Wanted(segment_samples, self.radio_sample_rate, self.radio_window, limit_bytes)

    @property
    def input(self) -> Input:
        """How the device is to be read."""
        return Input(self.radio_sample_rate, self.radio_input_channels, self.radio_input_pair)


@dataclass(frozen=True)
class Loaded:
    """The settings, for each name where its value came from, and the env file, if there is one.

    ``overruled`` are the names of which the env file has another value than the one that counts.
    """

    settings: Settings
    origins: Mapping[str, str]
    env_file: Path | None = None
    overruled: tuple[str, ...] = ()

    def rows(self) -> list[tuple[str, str, str]]:
        """Name, value and origin of every setting; secrets are masked."""
        return [
            (name.upper(), shown(self.settings, name), self.origins[name.upper()]) for name in Settings.model_fields
        ]


def is_origin(text: str) -> bool:
    """Whether it is an origin as browsers send it: scheme, host, port (RFC 6454, section 6.2)."""
    return re.fullmatch(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?", text, re.IGNORECASE) is not None


def shown(settings: Settings, field: str) -> str:
    """A value as it may be shown to anybody."""
    match getattr(settings, field):
        case SecretStr() as secret:
            return _MASK if secret.get_secret_value() else ""
        case None:
            return ""
        case tuple() as numbers:
            return ",".join(map(str, numbers))
        case value:
            return str(value)


def _default_file() -> Path | None:
    """`.env` of the working folder; another user's folder may not be looked into, and has none for us."""
    try:
        return Path(".env") if Path(".env").is_file() else None
    except PermissionError:
        return None


def load(
    env_file: Path | None = None,
    command_line: Mapping[str, str] | None = None,
) -> Loaded:
    """The settings: the command line wins over the environment, which wins over the file.

    ``env_file`` is ``.env`` in the working folder, if that is there, when not given.

    Raises:
        UserError: an unknown name, a value that is not allowed, or a file that cannot be read; all of them at once.
    """
    path = env_file or _default_file()
    layers = {
        str(path): _known_prefixes(_read_env_file(path)) if path else {},
        "environment": _known_prefixes(os.environ),
        "command line": dict(command_line or {}),
    }
    origins = dict.fromkeys((name.upper() for name in Settings.model_fields), "default")
    values: dict[str, str] = {}  # as they were given, to be shown in errors
    overruled: list[str] = []
    problems: list[str] = []
    for origin, layer in layers.items():
        for name, value in layer.items():
            if name not in origins:
                problems.append(_unknown(name, origin, origins))
            elif value:
                if values.get(name.lower(), value) != value:
                    overruled.append(name)
                values[name.lower()], origins[name] = value, origin
    problems += [
        f"{name} may not be given on the command line: others can read it in the list of processes. "
        "Put it into the environment or the env file."
        for name in layers["command line"]
        if _is_secret(name)
    ]
    overrides: dict[str, Any] = {name.lower(): v for name, v in layers["command line"].items() if v}
    settings = None
    try:
        settings = Settings(_env_file=path, **overrides)
        problems += _contradictions(settings)
    except ValidationError as error:
        problems += [_not_allowed(detail, values, origins) for detail in error.errors(include_context=True)]
    if settings is None or problems:
        raise UserError("\n".join(problems), "Every setting is explained in docs/reference/settings.md.")
    return Loaded(settings, origins, path, tuple(dict.fromkeys(overruled)))


def source_of(settings: Settings) -> Source:
    """The source that the settings name.

    Raises:
        UserError: none is named, or not a usable one.
    """
    if not settings.radio_source:
        raise UserError(
            "RADIO_SOURCE is not set: there is nothing to capture.",
            "Set it to alsa:PCM or usb:VID:PID[:SERIAL] ('radio-supervisor devices' lists them), file:PATH or tone:.",
        )
    try:
        return parse_source(settings.radio_source, settings.input)
    except ProfileError as error:
        raise UserError(f"RADIO_SOURCE={settings.radio_source}: {error}.") from error


def _contradictions(settings: Settings) -> list[str]:
    found = []
    if settings.offline_after_s < 2 * settings.radio_segment_seconds:
        found.append(
            f"RADIO_OFFLINE_AFTER={settings.offline_after_s:g} is shorter than two segments of "
            f"{settings.radio_segment_seconds} s (RADIO_SEGMENT_SECONDS): the station would be off air between them."
        )
    if settings.radio_recording_seconds < settings.radio_segment_seconds:
        found.append(
            f"RADIO_RECORDING_SECONDS={settings.radio_recording_seconds} is shorter than a segment of "
            f"{settings.radio_segment_seconds} s (RADIO_SEGMENT_SECONDS)."
        )
    if max(settings.radio_input_pair) > settings.radio_input_channels or min(settings.radio_input_pair) < 1:
        pair = shown(settings, "radio_input_pair")
        found.append(
            f"RADIO_INPUT_PAIR={pair}: the device has channels 1 to {settings.radio_input_channels} "
            "(RADIO_INPUT_CHANNELS)."
        )
    wanted = settings.spool_wanted
    if wanted.limit_bytes < wanted.least_bytes:
        found.append(
            f"RADIO_SPOOL_LIMIT_MB={settings.radio_spool_limit_mb} is too little for RADIO_WINDOW={wanted.window} and "
            f"segments of {settings.radio_segment_seconds} s (RADIO_SEGMENT_SECONDS), of which so many wait while the "
            f"store is away: {math.ceil(wanted.least_bytes / BYTES_PER_MB)} is the least."
        )
    return found


def _read_env_file(path: Path) -> dict[str, str]:
    try:
        with path.open(encoding="utf-8") as file:
            return {name: value or "" for name, value in dotenv_values(stream=file).items()}
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the env file '{path}' cannot be read: {error}") from error


def _known_prefixes(values: Mapping[str, str]) -> dict[str, str]:
    """Our names among ``values``; small letters are as good as capitals."""
    return {name.upper(): value for name, value in values.items() if name.upper().startswith(_PREFIXES)}


def _unknown(name: str, origin: str, known: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"{name} (from {origin}) is not a setting." + (f" Did you mean {near[0]}?" if near else "")


def _not_allowed(detail: Any, values: Mapping[str, str], origins: Mapping[str, str]) -> str:  # noqa: ANN401 - pydantic's
    field = str(detail["loc"][0])
    name = field.upper()
    value = _MASK if _is_secret(name) or "@" in values.get(field, "") else values.get(field, "")
    extra = Settings.model_fields[field].json_schema_extra
    allowed = str(extra["allowed"]).replace("`", "") if isinstance(extra, dict) else ""
    reason = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else detail["msg"]
    return f"{name}={value} (from {origins[name]}) is not allowed: {reason}. Allowed: {allowed}."


def _port_is_wrong(url: str) -> bool:
    try:
        return urlsplit(url).port == 0
    except ValueError:
        return True


def _is_secret(name: str) -> bool:
    field = Settings.model_fields.get(name.lower())
    return field is not None and field.annotation is SecretStr
