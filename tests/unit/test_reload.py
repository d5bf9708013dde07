"""Reading the settings anew: what may change on air, what may be shown, and wishes that come at any time."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from supervisor import prepare
from supervisor.errors import UserError
from supervisor.events import Event, KeysRefused, SettingsRefused, SettingsReread
from supervisor.hangup import Wish, wish_by_hangup
from supervisor.reload import Reloader, need_restart, shown_ending
from supervisor.settings import Loaded, load
from supervisor.stop import Stop
from supervisor.stores.folder import FolderStore
from tests.rig.parts import free_port

NOWHERE = Path("/dev/null")


@pytest.fixture
def hangup_as_before() -> Iterator[None]:
    """SIGHUP means afterwards what it meant before."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


def test_what_differs_and_cannot_change_is_named() -> None:
    """Every setting but the keys needs a restart, by its name alone."""
    before = load(NOWHERE, {"RADIO_WINDOW": "3"}).settings
    after = before.model_copy(update={"radio_window": 4, "radio_silence_db": -50.0, "r2_access_key": "x"})
    assert need_restart(before, after) == ("RADIO_WINDOW", "RADIO_SILENCE_DB")
    assert need_restart(before, before) == ()


@pytest.mark.parametrize(
    ("key_id", "ending"), [("0123456789abcdef0123456789ABCDEF", "CDEF"), ("0123456789abcde", ""), ("", "")]
)
def test_little_of_a_key_is_shown(key_id: str, ending: str) -> None:
    """Four characters of a long ID, and nothing of one that they would give away."""
    assert shown_ending(key_id) == ending


def test_a_station_without_a_store_s_keys_has_none_to_change(tmp_path: Path) -> None:
    """Publishing into a folder, other keys in the file are no news; what cannot be read changes nothing."""
    told: list[Event] = []
    before = load(NOWHERE, {"RADIO_STORE": f"dir:{tmp_path}"})
    answers: list[Loaded | UserError] = [
        Loaded(before.settings.model_copy(update={"r2_access_key": SecretStr("another")}), before.origins),
        UserError("RADIO_WINDOW=x is not allowed", "See the reference."),
    ]

    def read() -> Loaded:
        answer = answers.pop(0)
        if isinstance(answer, UserError):
            raise answer
        return answer

    reloader = Reloader(before, read, FolderStore(tmp_path), told.append)
    reloader.reload()
    reloader.reload()
    assert told == [
        SettingsReread(keys_changed=False, bound=(), need_restart=()),
        SettingsRefused("RADIO_WINDOW=x is not allowed See the reference."),
    ]


def test_keys_that_cannot_be_tried_are_not_taken(tmp_path: Path) -> None:
    """While the store is out of reach new keys stay untried, which is told, and so does a file without any."""
    told: list[Event] = []
    file = tmp_path / "env"
    where = f"R2_ENDPOINT=http://127.0.0.1:{free_port()}\nR2_BUCKET=bucket\nRADIO_RECORDINGS_DIR={tmp_path}\n"
    file.write_text(f"{where}R2_ACCESS_KEY=old\nR2_SECRET_KEY=old\n", encoding="utf-8")
    before = load(file)
    reloader = Reloader(before, lambda: load(file), prepare.store(before.settings), told.append)
    file.write_text(f"{where}R2_ACCESS_KEY=new\nR2_SECRET_KEY=new\n", encoding="utf-8")
    reloader.reload()
    file.write_text(where, encoding="utf-8")
    reloader.reload()
    refused, reread, lacking = told
    assert isinstance(refused, KeysRefused)
    assert refused.remedy == "Is the store within reach? Then send SIGHUP again."
    assert reread == SettingsReread(keys_changed=True, bound=(), need_restart=())
    assert isinstance(lacking, SettingsRefused)
    assert "needs R2_ACCESS_KEY, R2_SECRET_KEY" in lacking.problem


def test_what_the_file_says_in_vain_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of the file that the environment or the command line overrules is named; one that says the same is not."""
    file = tmp_path / "env"
    file.write_text("RADIO_WINDOW=5\nRADIO_STATION=same\nRADIO_PREFIX=a\n", encoding="utf-8")
    monkeypatch.setenv("RADIO_WINDOW", "6")
    monkeypatch.setenv("RADIO_STATION", "same")
    assert load(file, {"RADIO_PREFIX": "b"}).overruled == ("RADIO_WINDOW", "RADIO_PREFIX")


def test_wishes_wait_and_are_one(hangup_as_before: None) -> None:  # noqa: ARG001 - what it leaves behind
    """Hangups that nobody waits for yet are kept as one wish; the end is waited for too."""
    ended = Stop()
    wish = wish_by_hangup()
    for _ in range(3):
        signal.raise_signal(signal.SIGHUP)
    assert wish.wait(ended)
    ended.request()
    assert not wish.wait(ended)
    other = Wish()
    other.note()
    assert not other.wait(ended)
