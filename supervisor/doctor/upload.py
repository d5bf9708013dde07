"""How fast the line up to the store is, beside what a station needs."""

from __future__ import annotations

import time
from contextlib import suppress

from supervisor.bucket import SEGMENT_HEADERS
from supervisor.doctor.check import Check, failed, ok, warning
from supervisor.probe import probe
from supervisor.stores.store import Store, StoreError

NAME = "upload"

NEEDED_MBIT_S = 2.5
"""Both qualities when nothing can be compressed: 2.304 Mbit/s of FLAC, 0.128 of Opus, and the protocol around them."""

_COMFORTABLE = 2.0
"""With less than twice the need, what waited during an outage is hardly ever caught up with."""

_FASTER = "Stop other uploads, use a cable instead of Wi-Fi, or a faster line."
_SIZES_BYTES = (250_000, 1_000_000, 4_000_000)
_LONG_ENOUGH_S = 1.0


def check(store: Store, prefix: str) -> Check:
    """Stores ever larger probes until one of them takes a second."""
    mbit_s = 0.0
    for size_bytes in _SIZES_BYTES:
        one = probe(prefix, "bin", SEGMENT_HEADERS["hq"], size_bytes)
        began_s = time.monotonic()
        try:
            store.put(one.key, one.body, one.headers)
        except StoreError as error:
            return failed(NAME, f"{size_bytes // 1000} kB could not be sent: {error.code}", _FASTER)
        finally:
            took_s = time.monotonic() - began_s
            with suppress(StoreError):
                store.delete(one.key)
        mbit_s = size_bytes * 8e-6 / took_s
        if took_s >= _LONG_ENOUGH_S:
            break
    return judged(mbit_s)


def judged(mbit_s: float) -> Check:
    """Whether that many Mbit/s are enough."""
    times = mbit_s / NEEDED_MBIT_S
    found = f"{mbit_s:.1f} Mbit/s, {times:.1f} times the {NEEDED_MBIT_S} Mbit/s that are needed at the most"
    if times < 1:
        return failed(NAME, found, _FASTER)
    if times < _COMFORTABLE:
        return warning(NAME, f"{found}: little headroom", _FASTER)
    return ok(NAME, found)
