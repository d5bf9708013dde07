"""The station's part of the bucket: its segments, its manifest, and nothing else. Every request is made once."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor, wait
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from supervisor.clock import Clock, iso_ms, utc
from supervisor.errors import UserError
from supervisor.files import mapped
from supervisor.manifest import Entry, HqObject, LqObject, Manifest, rolled
from supervisor.names import Keys, next_index
from supervisor.segments import SealedSegment
from supervisor.stores.store import Headers, Store

_SEGMENT_CACHE = "public, max-age=31536000, immutable"
SEGMENT_HEADERS = {
    "hq": Headers("audio/flac", _SEGMENT_CACHE),
    "lq": Headers("audio/ogg; codecs=opus", _SEGMENT_CACHE),
}
MANIFEST_HEADERS = Headers("application/json", "no-cache")

_FRESH_SEGMENTS = 3
"""A live manifest is fresh for this many segment lengths, if that is longer than the time to go off air."""


LEAP = 100
"""By how many numbers a new writer goes past another's: more than that one uses until it sees that it was replaced."""


class AnotherWriterError(UserError):
    """Another supervisor is on air at this prefix; says who, and since when as far as its manifest tells."""


@dataclass(frozen=True)
class Programme:
    """What is published: whose it is, and in which shape."""

    station: str
    writer: str
    segment_s: int
    sample_rate: int
    window: int
    offline_after_s: float


class LiveBucket:
    """What was stored and what the stored manifest names.

    Whatever order requests fail in: every key that the manifest in the bucket names exists.
    """

    def __init__(self, programme: Programme, keys: Keys, store: Store, clock: Clock) -> None:
        self._programme = programme
        self._keys = keys
        self._store = store
        self._clock = clock
        self._latest: int | None = None
        self._next_index = 0
        self._in_bucket: set[str] = set()
        self.entries: tuple[Entry, ...] = ()
        self.live = False

    def open(self, *, take_over: bool) -> None:
        """Reads what is in the bucket, continues from there, and removes what no manifest names.

        Raises:
            AnotherWriterError: another writer or station is on air at this prefix.
            UserError: what is there is no manifest of ours.
            StoreError: the store did not answer or refused.
        """
        manifest = self._read_manifest()
        if manifest is not None and manifest[0].live and not take_over:
            self._refuse_if_fresh(*manifest)
        self._continue_from(manifest)

    def open_again(self) -> None:
        """The same after another writer was on air: a short ``live: false``, as of its restart, is no invitation.

        Raises:
            AnotherWriterError: it still is, or was a moment ago.
            StoreError: the store did not answer or refused.
        """
        manifest = self._read_if_any()
        if manifest is not None:
            self._refuse_if_fresh(*manifest)
        self._continue_from(manifest)

    def look_for_successor(self) -> None:
        """Looks whether another writer has taken this prefix over since.

        The higher index has it: whoever took over has leapt ahead, and what the one before it still writes changes
        nothing for it.

        Raises:
            AnotherWriterError: it has, and nothing of ours may be written there any more; ``live`` is false from then.
            StoreError: the store did not answer or refused.
        """
        found = self._read_if_any()
        if found is not None and not self._is_ours(found[0]) and found[0].latest >= self._next_index - 1:
            self.live = False
            raise self._another_writer(found[0])

    def _continue_from(self, manifest: tuple[Manifest, float] | None) -> None:
        listed = [key for key in self._store.keys(self._keys.root) if self._keys.index_of(key) is not None]
        indices = {self._keys.index_of(key) for key in listed}
        if manifest is not None:
            self.entries, self._latest, self.live = manifest[0].segments, manifest[0].latest, manifest[0].live
            indices.add(self._latest if self._is_ours(manifest[0]) else self._latest + LEAP)
        newest = max((index for index in indices if index is not None), default=None)
        self._next_index = next_index(newest, utc(self._clock.wall_s()), self._programme.segment_s)
        self._in_bucket = set(listed)
        self.delete_unnamed()

    def entry(self, segment: SealedSegment, gap: int) -> Entry:
        """The next entry of the manifest, under keys that were never used before.

        A key is not tried again with another segment: a request that was given up may still arrive.
        """
        index, self._next_index = self._next_index, self._next_index + 1
        return Entry(
            index=index,
            start=segment.start,
            samples=segment.samples,
            gap=gap,
            hq=HqObject(key=self._keys.segment("hq", index), bytes=segment.hq.bytes, md5=segment.hq.md5),
            lq=LqObject(key=self._keys.segment("lq", index), bytes=segment.lq.bytes, preroll=segment.lq.preroll),
        )

    def upload(self, entry: Entry, files: Mapping[str, Path], uploads: Executor) -> None:
        """Stores both objects at once; raises the first error when both have ended."""
        keys = {"hq": entry.hq.key, "lq": entry.lq.key}
        self._in_bucket.update(keys.values())

        def put(quality: str) -> None:
            with mapped(files[quality]) as content:
                self._store.put(keys[quality], content, SEGMENT_HEADERS[quality])

        lq = uploads.submit(put, "lq")
        try:
            put("hq")  # here, because it takes longest: no other thread has to be woken for it
            lq.result()
        finally:
            wait((lq,))
            del lq  # its error would hold this frame, and this frame its error

    def add(self, entry: Entry) -> None:
        """Lets an uploaded entry enter the window, and the oldest leave it; the manifest has still to be stored."""
        programme = self._programme
        self.entries = rolled(self.entries, entry, programme.window, programme.segment_s, programme.sample_rate)
        self._latest = entry.index

    def store_manifest(self, *, live: bool) -> None:
        """Writes the manifest of the present window; before anything was published there is none to write."""
        if self._latest is None:
            return
        manifest = Manifest(
            station=self._programme.station,
            live=live,
            latest=self._latest,
            segment_s=self._programme.segment_s,
            updated_at=utc(self._clock.wall_s()),
            writer=self._programme.writer,
            sample_rate=self._programme.sample_rate,
            segments=self.entries,
        )
        self._store.put(self._keys.manifest, manifest.to_json(), MANIFEST_HEADERS)
        self.live = live

    def delete_unnamed(self) -> None:
        """Deletes what the stored manifest does not name; what fails is tried again with the next call."""
        named = {key for entry in self.entries for key in entry.keys}
        for key in sorted(self._in_bucket - named):
            self._store.delete(key)
            self._in_bucket.discard(key)

    def _read_manifest(self) -> tuple[Manifest, float] | None:
        stored = self._store.get(self._keys.manifest)
        if stored is None:
            return None
        try:
            return Manifest.model_validate_json(stored.body), stored.age_s
        except ValidationError as error:
            raise UserError(
                f"'{self._keys.manifest}' in {self._store.name} is not a manifest that this version understands",
                "Is something else using this prefix? Set RADIO_PREFIX to one of its own, or delete that object.",
            ) from error

    def _read_if_any(self) -> tuple[Manifest, float] | None:
        """The manifest; what this version does not understand is as good as none, and the next one replaces it."""
        try:
            return self._read_manifest()
        except UserError:
            return None

    def _is_ours(self, manifest: Manifest) -> bool:
        # stations that share a recordings folder share its writer too
        return (manifest.writer, manifest.station) == (self._programme.writer, self._programme.station)

    def _refuse_if_fresh(self, manifest: Manifest, age_s: float) -> None:
        fresh_s = max(self._programme.offline_after_s, _FRESH_SEGMENTS * manifest.segment_s)
        if age_s < fresh_s and not self._is_ours(manifest):
            raise self._another_writer(manifest)

    def _another_writer(self, manifest: Manifest) -> AnotherWriterError:
        since = [f"since at least {iso_ms(entry.start)}" for entry in manifest.segments[:1]]
        told = ", ".join([*since, f"last seen {iso_ms(manifest.updated_at)}"])
        return AnotherWriterError(
            f"another supervisor (writer {manifest.writer}, station '{manifest.station}') is on air in "
            f"{self._store.name} under '{self._keys.root}', {told}",
            "Stop it, or set RADIO_PREFIX to another place, or start with --take-over to replace it.",
        )
