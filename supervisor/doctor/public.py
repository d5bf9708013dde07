"""The bucket as anybody sees it: is what was stored there, as it was stored, and is it only to be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import quote, urlsplit

from supervisor.doctor import cors
from supervisor.doctor.check import Check, Verdict, failed, ok, skipped, warning
from supervisor.http_client import Reply, request
from supervisor.probe import Probe

URL, HEADERS, PARTS, CLOSED = "public URL", "public headers", "public parts", "public writing"

_FIRST_BYTES = 100
_CHANGED = (
    "Something between the bucket and the listener changes it: in Cloudflare look at Caching (Browser Cache TTL: "
    "respect existing headers), Cache Rules and Transform Rules of this host."
)


def checks(base: str, probes: Sequence[Probe], origin: str | None) -> Iterator[Check]:
    """Reads ``probes``, which are in the bucket, at the address ``base``."""
    if not base:
        hint = "Set R2_PUBLIC_URL to where listeners read the bucket."
        yield skipped(URL, "R2_PUBLIC_URL is not set", hint)
        return
    segment, *_ = probes
    address = {probe.key: f"{base}/{quote(probe.key)}" for probe in probes}
    try:
        replies = [request("GET", address[probe.key]) for probe in probes]
        served = serving(base, probes, replies)
        yield served
        if served.verdict is Verdict.FAILED:
            return
        yield headers(probes, replies)
        yield parts(segment, request("GET", address[segment.key], {"Range": f"bytes=0-{_FIRST_BYTES - 1}"}))
        yield from cors.checks(address[segment.key], origin)
        # last: if it goes through, the probe is spoilt
        yield closed(request("PUT", address[segment.key], body=segment.body))
    except OSError as error:
        yield failed(URL, f"{base} does not answer: {error}", "Is R2_PUBLIC_URL right, and its name in the DNS?")


def serving(base: str, probes: Sequence[Probe], replies: Sequence[Reply]) -> Check:
    """Whether the public address leads to this bucket."""
    for probe, reply in zip(probes, replies, strict=True):
        if reply.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            return failed(
                URL,
                f"{base} answers {reply.status}: the bucket is not public",
                "Allow public access: in R2 connect a custom domain to the bucket (Settings, Custom Domains). Then "
                "R2_PUBLIC_URL is that domain.",
            )
        if reply.status != HTTPStatus.OK:
            return failed(
                URL,
                f"{base} answers {reply.status} for '{probe.key}', which is in the bucket",
                "R2_PUBLIC_URL must be the address of this bucket's root, without RADIO_PREFIX.",
            )
        if reply.body != probe.body:
            return failed(
                URL, f"{base} serves something else for '{probe.key}'", "R2_PUBLIC_URL must lead to this very bucket."
            )
    return _address(base)


def _address(base: str) -> Check:
    parts_of_url = urlsplit(base)
    host = parts_of_url.hostname or ""
    if host.endswith(".r2.dev"):
        domain = "Connect a custom domain to the bucket (Settings, Custom Domains) and set R2_PUBLIC_URL to it."
        return warning(URL, f"{base} works, but r2.dev is throttled and not cached", domain)
    if parts_of_url.scheme == "http" and not _is_here(host):
        return warning(URL, f"{base} works, but pages on https may not read http", "Set R2_PUBLIC_URL to https://…")
    return ok(URL, f"{base} serves what was stored")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def headers(probes: Sequence[Probe], replies: Sequence[Reply]) -> Check:
    """Whether caches and players are told what they were meant to be told."""
    wrong = [] if all(reply.header("ETag") for reply in replies) else ["there is no ETag"]
    for probe, reply in zip(probes, replies, strict=True):
        wanted = {"Content-Type": probe.headers.content_type, "Cache-Control": probe.headers.cache_control}
        wrong += [
            f"{name} is '{reply.header(name)}', not '{value}'"
            for name, value in wanted.items()
            if _normal(reply.header(name)) != _normal(value)
        ]
    if wrong:
        return failed(HEADERS, "; ".join(wrong), _CHANGED)
    return ok(HEADERS, "Content-Type, Cache-Control and ETag are as they were stored")


def parts(probe: Probe, reply: Reply) -> Check:
    """Whether the beginning of a file can be had alone: the player's first sound needs no more."""
    if reply.status == HTTPStatus.PARTIAL_CONTENT and reply.body == probe.body[:_FIRST_BYTES]:
        return ok(PARTS, "the beginning of a file can be read alone")
    return warning(PARTS, f"asked for a part, it answers {reply.status}: the first sound will come later", _CHANGED)


def closed(reply: Reply) -> Check:
    """Whether strangers are kept from writing."""
    if reply.succeeded:
        return failed(
            CLOSED,
            f"anybody can write into the bucket: a PUT without a key is answered {reply.status}",
            "Take the right to write from everybody in the bucket's policy: reading alone is for all.",
        )
    return ok(CLOSED, f"nobody can write without a key ({reply.status})")


def _normal(value: str) -> list[str]:
    """Directives or media type and parameters, whatever the order and the blanks between them."""
    return sorted(word.strip().lower() for word in value.replace(";", ",").split(","))
