"""CORS: whether a page may read the bucket, and the rule that lets it (Fetch standard, section 3.3)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from supervisor.doctor.check import Check, failed, ok, skipped, warning
from supervisor.http_client import Reply, admits, request

READ, PREFLIGHT = "CORS", "CORS preflight"

_EXPOSED = ("ETag", "Date", "Content-Length", "Content-Range")
_SENT = ("Range", "If-None-Match")
_MAX_AGE_S = 86_400


def rule(origin: str | None) -> str:
    """What to paste into the R2 dashboard (bucket, Settings, CORS policy): for one origin, or for every page."""
    one = {
        "AllowedOrigins": [origin or "*"],
        "AllowedMethods": ["GET", "HEAD"],
        "AllowedHeaders": list(_SENT),
        "ExposeHeaders": list(_EXPOSED),
        "MaxAgeSeconds": _MAX_AGE_S,
    }
    return json.dumps([one], indent=2)


def checks(url: str, origin: str | None) -> Iterator[Check]:
    """Whether a page of ``origin`` may read ``url``, by what the answers say.

    Raises:
        OSError: nobody answers.
    """
    if origin is None:
        hint = "Set RADIO_PAGE_ORIGIN, or ask again with --origin: the page that plays the station."
        yield skipped(READ, "no page was named", hint)
        return
    yield reading(request("GET", url, {"Origin": origin}), origin)
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": ", ".join(sorted(name.lower() for name in _SENT)),
    }
    yield preflight(request("OPTIONS", url, asked), origin)


def reading(reply: Reply, origin: str) -> Check:
    """The answer to a GET from a page."""
    if not admits(reply, origin):
        said = reply.header("Access-Control-Allow-Origin") or "nothing"
        found = f"pages of {origin} may not read it: Access-Control-Allow-Origin says {said}"
        return failed(READ, found, _paste(origin))
    hidden = _lacking(reply, "Access-Control-Expose-Headers", ("ETag",))
    if hidden:
        return warning(READ, f"pages of {origin} may read it, but not its {', '.join(hidden)}", _paste(origin))
    return ok(READ, f"pages of {origin} may read it, ETag too")


def preflight(reply: Reply, origin: str) -> Check:
    """The answer to the question that browsers ask before a request with headers of its own."""
    if not reply.succeeded or not admits(reply, origin):
        found = f"refused with status {reply.status}: older browsers cannot read parts of a file"
        return warning(PREFLIGHT, found, _paste(origin))
    if lacking := _lacking(reply, "Access-Control-Allow-Headers", _SENT):
        return warning(PREFLIGHT, f"{', '.join(lacking)} may not be sent", _paste(origin))
    return ok(PREFLIGHT, f"{' and '.join(_SENT)} may be sent")


def _lacking(reply: Reply, header: str, names: tuple[str, ...]) -> list[str]:
    listed = reply.words(header)
    return [] if "*" in listed else [name for name in names if name.lower() not in listed]


def _paste(origin: str) -> str:
    return (
        f"Paste what 'radio-supervisor doctor --print-cors --origin {origin}' prints into the bucket's CORS policy "
        "(R2 dashboard, Settings), then purge the cache."
    )
