"""Fixtures that several folders of tests share."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.rig import browsers
from tests.rig.browsers import speakers
from tests.rig.s3 import Bucket, S3Server, start_s3


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server for the whole session."""
    server = start_s3(tmp_path_factory.mktemp("rgw"))
    yield server
    server.stop()


@pytest.fixture
def bucket(s3_server: S3Server, request: pytest.FixtureRequest) -> Bucket:
    """A new bucket that anybody may read."""
    name = "".join(c if c.isalnum() else "-" for c in request.node.name.lower())[:40].strip("-")
    return s3_server.make_bucket(f"{name}-{abs(hash(request.node.nodeid)) % 10**8}")


@pytest.fixture
def tmpfs() -> Iterator[Path]:
    """A new folder on tmpfs."""
    folder = Path(tempfile.mkdtemp(prefix="radio-test-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def loudspeakers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a browser that is to be heard."""
    with speakers(tmp_path_factory.mktemp("pulse")) as environment:
        yield environment


@pytest.fixture(scope="session")
def chromium(loudspeakers: dict[str, str]) -> Iterator[Browser]:
    """Debian's Chromium, one for the whole session: Playwright serves no second one beside it."""
    with browsers.chromium(loudspeakers) as browser:
        yield browser


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh profile's tab."""
    context = chromium.new_context()
    yield context.new_page()
    context.close()
