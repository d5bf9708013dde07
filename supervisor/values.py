"""What the text of a setting may look like: each function returns the value in its plainest form or says what is wrong.

All of them raise ValueError with a reason that does not repeat the value.
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9_.-]+)?")
_HIGHEST_PORT = 65_535


def key(value: str) -> str:
    """One of a pair of keys: it goes into a header of every request."""
    if value and not re.fullmatch(r"[!-~]+", value):
        raise ValueError("it has a space, a line break or another character that no key has")
    return value


def endpoint(value: str) -> str:
    """The address of an S3 server, without a path."""
    if not value:
        return value
    parts = _web_address(value)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("it must not have a path; the bucket is named by R2_BUCKET")
    return value.rstrip("/")


def public_url(value: str) -> str:
    """Where anybody may read."""
    if value:
        _web_address(value)
    return value.rstrip("/")


def bucket(value: str) -> str:
    """A bucket's name (S3 API, "Bucket naming rules")."""
    is_name = re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value) and not re.search(r"\.[.-]|-\.", value)
    if value and (not is_name or re.fullmatch(r"[0-9.]+", value)):
        raise ValueError("S3 knows no such names")
    return value


def region(value: str) -> str:
    """A region's name, which becomes part of every signature."""
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value, re.IGNORECASE) or len(value) > 63:  # noqa: PLR2004
        raise ValueError("no region has such a name")
    return value


def origin(value: str) -> str:
    """A page's origin, or nothing."""
    if value and not is_origin(value):
        raise ValueError("it is not the scheme, host and port of a page, and nothing else")
    return value.lower()


def is_origin(text: str) -> bool:
    """Whether it is an origin as browsers send it: scheme, host, port (RFC 6454, section 6.2)."""
    return re.fullmatch(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?", text, re.IGNORECASE) is not None


def store(value: str) -> str:
    """Where segments are published; a folder below the user's home may be given as the shell would take it."""
    if value == "s3":
        return value
    scheme, _, path = value.partition(":")
    if scheme != "dir" or not path:
        raise ValueError("it is neither s3 nor dir:PATH")
    return f"dir:{folder(Path(path))}"


def folder(value: Path) -> Path:
    """A folder; ``~`` is the user's home, which no reader of env files has put in its place."""
    try:
        return value.expanduser()
    except RuntimeError:
        raise ValueError("there is no such user's home; write the whole path") from None


def prefix(value: str) -> str:
    """What goes in front of every key: no dot segments, which browsers and folders would follow elsewhere."""
    value = value.strip("/")
    parts = value.split("/")
    if value and not all(re.fullmatch(r"[A-Za-z0-9._-]+", part) and set(part) != {"."} for part in parts):
        raise ValueError("it is not a row of plain names with / between them")
    return value


def station(value: str) -> str:
    """A station's name."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", value):
        raise ValueError("it must begin with a letter or digit and become part of a file name")
    return value


def pair(value: object) -> object:
    """Two channel numbers, from text or as they are."""
    if isinstance(value, str):
        numbers = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*", value)
        if numbers is None:
            raise ValueError("it is not two numbers with a comma between them")
        return int(numbers[1]), int(numbers[2])
    return value


def listen(value: str) -> str:
    """Host and port to listen on; an IPv6 address stands in brackets."""
    host, _, port = value.rpartition(":")
    plain = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not port.isdecimal() or int(port) > _HIGHEST_PORT or not _is_host(plain):
        raise ValueError("it is not HOST:PORT")
    return value


def _web_address(value: str) -> SplitResult:
    """An http(s) URL with a host that can be, and without keys in it."""
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("it is not a URL, or its port is not a number from 1 to 65535") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("it must begin with https:// (or http://) and name a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("keys do not belong in it; use R2_ACCESS_KEY and R2_SECRET_KEY")
    if port == 0:
        raise ValueError("its port is not a number from 1 to 65535")
    if not _is_host(host):
        raise ValueError("no host has such a name")
    return parts


def _is_host(text: str) -> bool:
    """Whether it can be a host's name (RFC 1123, section 2.1; underscores are met in container networks) or address."""
    return len(text) <= 253 and _HOST.fullmatch(text) is not None  # noqa: PLR2004 - RFC 1035, section 2.3.4
