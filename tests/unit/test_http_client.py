"""Requests as a listener makes them: whatever answers, there is an answer or an OSError."""

from __future__ import annotations

import pytest

from supervisor.http_client import request
from tests.rig.answering import answering

pytestmark = pytest.mark.timeout(20)


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "502 Bad Gateway"])
def test_whatever_its_status_an_answer_is_an_answer(status: str) -> None:
    """A refusal is told with its status and its body, as a success is."""
    with answering(f"HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\nbody".encode()) as url:
        reply = request("GET", url)
    assert (f"{reply.status}", reply.body) == (status[:3], b"body")
    assert reply.succeeded == status.startswith("2")


@pytest.mark.parametrize("status", ["200 OK", "502 Bad Gateway"])
@pytest.mark.parametrize(
    "rest",
    [
        "Transfer-Encoding: chunked\r\n\r\nff\r\ncut off",
        "Transfer-Encoding: chunked\r\n\r\nnot a number\r\n",
        "X" * 70_000,
    ],
    ids=["cut off", "no chunk", "endless header"],
)
def test_a_broken_answer_is_an_os_error(status: str, rest: str) -> None:
    """What a proxy breaks off in the middle, of a page or of its own excuse, is an error that callers know."""
    with answering(f"HTTP/1.1 {status}\r\n{rest}".encode()) as url, pytest.raises(OSError, match="no HTTP answer"):
        request("GET", url)


def test_silence_is_an_os_error() -> None:
    """Whoever hangs up without a word, or does not listen at all, is told as such."""
    with answering(b"") as url, pytest.raises(OSError):  # noqa: PT011 - whichever the system says
        request("GET", url)
    with pytest.raises(OSError, match="refused"):
        request("GET", url)
