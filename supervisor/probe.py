"""Objects that are stored for a moment to find out what a key may do: named apart from everything that is on air."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from supervisor.bucket import MANIFEST_HEADERS, SEGMENT_HEADERS
from supervisor.stores.store import Headers

_BYTES = 4096
_NAME_BYTES = 8


@dataclass(frozen=True)
class Probe:
    """One object: random, so that nothing can have it already and nothing can compress it."""

    key: str
    headers: Headers
    body: bytes = field(repr=False)


def folder(prefix: str) -> str:
    """What all their keys begin with: ``[prefix/]doctor/``; every station's own have ``live/`` in that place."""
    return f"{prefix}/doctor/" if prefix else "doctor/"


def probe(prefix: str, extension: str, headers: Headers, size_bytes: int = _BYTES) -> Probe:
    """One object."""
    key = f"{folder(prefix)}probe-{secrets.token_hex(_NAME_BYTES)}.{extension}"
    return Probe(key, headers, secrets.token_bytes(size_bytes))


def segment_and_manifest(prefix: str) -> tuple[Probe, Probe]:
    """One probe that is served as segments are, and one as the manifest is."""
    return probe(prefix, "flac", SEGMENT_HEADERS["hq"]), probe(prefix, "json", MANIFEST_HEADERS)
