"""The keys: who else can read them, would git take them in, how old are they. None is ever shown or kept."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from supervisor.doctor.check import Check, failed, ok, skipped, warning
from supervisor.key_age import days_file, first_day
from supervisor.settings import Settings

MODE, GIT, AGE = "env file", "env file and git", "key age"

OLD_DAYS = 90

_OTHERS = 0o077
_GIT_WITHIN_S = 5.0


def checks(settings: Settings, env_file: Path | None, today: date | None = None) -> Iterator[Check]:
    """Of the file that the settings were read from, and of the key among them."""
    if env_file is None:
        yield skipped(MODE, "there is none: the settings are from the environment")
    else:
        yield mode(env_file, env_file.stat().st_mode)
        yield git(env_file)
    key = settings.r2_access_key.get_secret_value()
    if settings.radio_store != "s3" or not key:
        yield skipped(AGE, "no key is used")
        return
    today = today or datetime.now(UTC).date()
    recordings = settings.radio_recordings_dir
    try:
        yield age(first_day(days_file(recordings), key, today), today)
    except FileNotFoundError:
        hint = "Ask again when the station has been on air: its first day is kept beside the recordings."
        yield skipped(AGE, f"no station has been started with '{recordings}' yet", hint)
    except OSError as error:
        yield skipped(AGE, f"its first day cannot be kept: {error.strerror}", "Make RADIO_RECORDINGS_DIR writable.")


def mode(path: Path, bits: int) -> Check:
    """Whether only its owner may read the file."""
    if bits & _OTHERS:
        return failed(MODE, f"'{path}' has mode {bits & 0o777:o}: others can read the keys", f"chmod 600 {path}")
    return ok(MODE, f"'{path}' is its owner's alone")


def git(path: Path) -> Check:
    """Whether git would take the file in: it is neither tracked nor left to be added."""
    try:
        asked = subprocess.run(  # noqa: S603 - the operator's own git
            ["git", "-C", str(path.resolve().parent), "check-ignore", "--quiet", "--", path.name],  # noqa: S607
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_GIT_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return skipped(GIT, "there is no git that answers")
    return _git_answered(path, asked.returncode, asked.stderr)


def _git_answered(path: Path, code: int, said: str) -> Check:
    match code:
        case 0:
            return ok(GIT, f"git ignores '{path}'")
        case 1:
            return failed(
                GIT,
                f"git does not ignore '{path}': the keys would become part of the history",
                f"Add {path.name} to .gitignore. Was it committed? Then 'git rm --cached {path.name}' and new keys.",
            )
        case _ if "not a git repository" in said:
            return ok(GIT, f"'{path}' is in no git repository")
        case _:
            return skipped(GIT, f"git does not tell: {said.strip().partition(chr(10))[0]}")


def age(first: date, today: date) -> Check:
    """Whether a key that was first seen on ``first`` should be replaced."""
    days = (today - first).days
    if days > OLD_DAYS:
        return warning(
            AGE,
            f"in use here since {first}: {days} days",
            "Make a new API token with the same rights, put it into the env file, send the station SIGHUP (systemctl "
            "reload radio-supervisor; docker compose exec radio sh -c 'kill -HUP 1'), and delete the old one when the "
            "log says that it was taken.",
        )
    return ok(AGE, f"in use here since {first}")
