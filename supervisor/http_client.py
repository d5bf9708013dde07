"""One HTTP request as a listener makes it: without credentials, bounded in time and size."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from http import HTTPStatus

from supervisor import __version__

_MOST_BYTES = 1_000_000
_TIMEOUT_S = 5.0

# what names itself Python-urllib is turned away by Cloudflare
_AGENT = f"Mozilla/5.0 (compatible; radio-supervisor/{__version__})"


@dataclass(frozen=True)
class Reply:
    """An answer, whatever its status; header names in any case."""

    status: int
    headers: Message
    body: bytes

    @property
    def succeeded(self) -> bool:
        """Whether its status is one of success (RFC 9110, section 15.3)."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def header(self, name: str) -> str:
        """A header's value; empty when it is not there."""
        return str(self.headers.get(name, ""))

    def words(self, name: str) -> set[str]:
        """A header's comma-separated words in small letters."""
        return {word.strip().lower() for word in self.header(name).split(",") if word.strip()}


def request(
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    *,
    most_bytes: int = _MOST_BYTES,
) -> Reply:
    """The answer to one request, ``most_bytes`` of it at the most; redirects of a GET are followed.

    Raises:
        OSError: nobody answers, the certificate is wrong, or what answers does not speak HTTP.
    """
    asked = urllib.request.Request(url, body, {"User-Agent": _AGENT, **(headers or {})}, method=method)  # noqa: S310 - settings allow http and https alone
    try:
        with _answer(asked) as answer:
            return Reply(answer.status or 0, answer.headers, answer.read(most_bytes))
    except urllib.error.URLError as error:
        raise OSError(str(error.reason)) from error
    except (http.client.HTTPException, ValueError) as error:  # the latter of addresses that are none
        raise OSError(f"no HTTP answer ({type(error).__name__})") from error


def _answer(asked: urllib.request.Request) -> http.client.HTTPResponse | urllib.error.HTTPError:
    try:
        answer: http.client.HTTPResponse = urllib.request.urlopen(asked, timeout=_TIMEOUT_S)  # noqa: S310 - the same
    except urllib.error.HTTPError as error:
        return error  # is an answer too, whose body may end as badly as any other's
    return answer


def admits(reply: Reply, origin: str) -> bool:
    """Whether a page of ``origin`` may read the answer (Fetch standard, CORS check)."""
    return reply.header("Access-Control-Allow-Origin").lower() in {"*", origin}
