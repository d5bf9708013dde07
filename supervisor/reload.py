"""Reads the settings anew while on air, and takes over the store's keys once the store has accepted them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress

from supervisor import prepare
from supervisor.errors import UserError
from supervisor.events import Emit, KeysRefused, KeysTaken, SettingsRefused, SettingsReread
from supervisor.hangup import Wish
from supervisor.probe import segment_and_manifest
from supervisor.settings import Loaded, Settings
from supervisor.stop import Stop
from supervisor.stores.s3 import S3Store
from supervisor.stores.store import Store, StoreError

_KEYS = ("r2_access_key", "r2_secret_key")
_SHOWN_CHARACTERS = 4
_LONG_ENOUGH_TO_SHOW = 16


class Reloader:
    """Takes over what may change on air: the keys of ``store``. ``loaded`` is what the station was started with."""

    def __init__(
        self,
        loaded: Loaded,
        read: Callable[[], Loaded],
        store: Store,
        emit: Emit,
        announced: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._settings = loaded.settings
        self._read = read
        self._store = store
        self._emit = emit
        self._announced = announced

    def run(self, wish: Wish, ended: Stop) -> None:
        """Reads whenever there is a ``wish``, until ``ended`` is requested."""
        while wish.wait(ended):
            with self._announced():
                self.reload()

    def reload(self) -> None:
        """Reads once; whatever is wrong is told, and everything stays as it is."""
        try:
            loaded = self._read()
            changed = isinstance(self._store, S3Store) and _keys(loaded.settings) != _keys(self._settings)
            if changed and isinstance(self._store, S3Store):
                self._take_keys(self._store, loaded.settings)
            self._emit(SettingsReread(changed, _bound(loaded), need_restart(self._settings, loaded.settings)))
        except UserError as error:
            self._emit(SettingsRefused(" ".join(str(error).splitlines())))

    def _take_keys(self, store: S3Store, new: Settings) -> None:
        # with the rest as it was at the start: the keys are tried where they will be used
        wanted = self._settings.model_copy(update={name: getattr(new, name) for name in _KEYS})
        try:
            _try(prepare.store(wanted), wanted.radio_prefix)
        except StoreError as error:
            remedy = f"{error.hint or 'Is the store within reach?'} Then send SIGHUP again."
            self._emit(KeysRefused(error.code, f"{error.operation}: {error.message or 'no more is said'}", remedy))
            return
        access_key, secret_key = _keys(wanted)
        store.sign_with(access_key, secret_key)
        self._settings = wanted
        self._emit(KeysTaken(shown_ending(access_key)))
        prepare.note_key(wanted)


def need_restart(running: Settings, new: Settings) -> tuple[str, ...]:
    """The names of the settings that differ and cannot be taken over on air."""
    names = (name for name in Settings.model_fields if name not in _KEYS)
    return tuple(name.upper() for name in names if getattr(running, name) != getattr(new, name))


def shown_ending(key_id: str) -> str:
    """The last characters of a key's ID, by which it is known in the store's own list; nothing of a short one."""
    return key_id[-_SHOWN_CHARACTERS:] if len(key_id) >= _LONG_ENOUGH_TO_SHOW else ""


def _bound(loaded: Loaded) -> tuple[str, ...]:
    """What cannot change in a running process: keys that are in its environment, and what overrules the file."""
    keys = (name.upper() for name in _KEYS if loaded.settings.radio_store == "s3")
    return tuple(dict.fromkeys((*(key for key in keys if loaded.origins[key] == "environment"), *loaded.overruled)))


def _keys(settings: Settings) -> tuple[str, str]:
    return settings.r2_access_key.get_secret_value(), settings.r2_secret_key.get_secret_value()


def _try(store: Store, prefix: str) -> None:
    """Makes each kind of request that a station makes, on an object of its own that is gone afterwards.

    Raises:
        StoreError: one of them was refused, or did not get there.
    """
    _, probe = segment_and_manifest(prefix)
    try:
        store.put(probe.key, probe.body, probe.headers)
        store.keys(probe.key)
        store.get(probe.key)
    except StoreError:
        with suppress(StoreError):  # a request that failed may have arrived all the same
            store.delete(probe.key)
        raise
    store.delete(probe.key)
