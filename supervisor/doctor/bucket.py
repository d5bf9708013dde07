"""The store: what the key may do, no less and no more, and what listeners get of it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress

from supervisor import prepare
from supervisor.doctor import clock, public, upload
from supervisor.doctor.check import Check, failed, ok, refused, skipped, warning
from supervisor.errors import UserError
from supervisor.probe import Probe, folder, segment_and_manifest
from supervisor.settings import Settings
from supervisor.stores.s3 import S3Store
from supervisor.stores.store import Store, StoreError

WRITE, READ, DELETE, RIGHTS = "bucket: write", "bucket: read", "bucket: delete", "bucket: rights"

_TIMEOUT_S = 6.0
_NETWORK = "Is the network there, and R2_ENDPOINT right? docs/operations/faults.md lists the codes."


def checks(settings: Settings, origin: str | None) -> Iterator[Check]:
    """Stores two probes, looks at them from both sides, and takes them away again."""
    try:
        store = prepare.store(settings, _TIMEOUT_S)
    except UserError as error:
        yield refused(WRITE, error)
        yield from _not_looked_at()
        return
    probes = segment_and_manifest(settings.radio_prefix)
    if (yield from _written(store, probes)):
        yield _read(store, probes[0])
        yield from public.checks(settings.r2_public_url, probes, origin)
        # before what takes its time: whoever waits no longer finds nothing of them
        yield _deleted(store, probes)
        if isinstance(store, S3Store):
            yield _rights(store, settings.r2_bucket)
            yield upload.check(store, settings.radio_prefix)
    else:
        yield from _not_looked_at()
    if isinstance(store, S3Store) and store.clock_ahead_s is not None:
        yield clock.store(store.clock_ahead_s)


def left(settings: Settings) -> str:
    """What is left in the bucket when the checks are not waited for."""
    return f"objects of the bucket under '{folder(settings.radio_prefix)}'"


def _not_looked_at() -> Iterator[Check]:
    for name in (public.URL, upload.NAME):
        yield skipped(name, "nothing could be stored to try it with")


def _written(store: Store, probes: Sequence[Probe]) -> Generator[Check, None, bool]:
    try:
        for probe in probes:
            store.put(probe.key, probe.body, probe.headers)
    except StoreError as error:
        yield _store_failed(WRITE, error, _NETWORK)
        for probe in probes:  # the failed one may have arrived all the same
            with suppress(StoreError):
                store.delete(probe.key)
        return False
    yield ok(WRITE, f"stored two probes: {store.name}")
    return True


def _read(store: Store, probe: Probe) -> Check:
    try:
        stored = store.get(probe.key)
    except StoreError as error:
        return _store_failed(READ, error, _NETWORK)
    if stored is None or stored.body != probe.body:
        what = "nothing" if stored is None else "something else"
        return failed(READ, f"{what} came back for the probe", "Is something between here and the store that caches?")
    return ok(READ, "the probe came back as it was")


def _deleted(store: Store, probes: Sequence[Probe]) -> Check:
    try:
        for probe in probes:
            store.delete(probe.key)
        left = [probe.key for probe in probes if store.get(probe.key) is not None]
    except StoreError as error:
        keys = ", ".join(probe.key for probe in probes)
        return _store_failed(DELETE, error, f"Then delete by hand what may be left: {keys}")
    if left:
        return failed(DELETE, f"deleted, but still there: {', '.join(left)}", "Does the bucket keep versions or locks?")
    return ok(DELETE, "the probes are gone")


def _rights(store: S3Store, bucket: str) -> Check:
    """A key for one bucket cannot list the account's buckets; one that can is for more than publishing."""
    try:
        others = [name for name in store.buckets() if name != bucket]
    except StoreError as error:
        if error.code == "AccessDenied":
            return ok(RIGHTS, "the key cannot see other buckets")
        return skipped(RIGHTS, f"it does not tell which buckets the key sees: {error.code}")
    if others:
        return warning(
            RIGHTS,
            f"the key sees {len(others)} other bucket{'s' if len(others) > 1 else ''}: wider than publishing needs",
            "Make an API token with 'Object Read & Write' for this bucket alone, and delete the wide one.",
        )
    return ok(RIGHTS, "the key sees this bucket alone")


def _store_failed(name: str, error: StoreError, otherwise: str) -> Check:
    remedy = f"{error.hint} {otherwise}" if error.hint and name == DELETE else error.hint or otherwise
    return failed(name, f"{error.code}: {error.message or 'no more is said'} ({error.operation} {error.key})", remedy)
