"""A Docker engine with compose: the machine's own, or, as root, one that is started here."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.rig.base_image import BASE, provide_base
from tests.rig.parts import ROOT, comes_true, do_without, need

_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "radio-supervisor-tests"

_DAEMON = {"builder": {"gc": {"enabled": True, "defaultKeepStorage": "4GB"}}}
"""What was built stays for the next time, up to this much."""


@contextmanager
def docker_engine() -> Iterator[dict[str, str]]:
    """What docker needs in its environment to reach an engine that answers and knows compose."""
    need("docker")
    folder = Path(tempfile.mkdtemp(prefix="radio-docker-"))
    try:
        if _works({}, "info"):
            yield _with_compose(folder, {})
        else:
            with _own_engine(folder) as environment:
                yield _with_compose(folder, environment)
    finally:
        shutil.rmtree(folder)


def _works(environment: Mapping[str, str], *words: str) -> bool:
    """Whether a docker command succeeds."""
    env = {**os.environ, **environment}
    asked = subprocess.run(["docker", *words], env=env, capture_output=True, timeout=60, check=False)
    return asked.returncode == 0


def _with_compose(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """The environment, in which ``docker compose`` is the machine's own or else the one from PyPI."""
    if _works(environment, "compose", "version"):
        return environment
    import compose  # noqa: PLC0415 - a name that says little; only here is it clear what it is

    plugins = folder / "config/cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(Path(compose.__file__).with_name("docker-compose"))
    return {**environment, "DOCKER_CONFIG": str(plugins.parent)}


@contextmanager
def _own_engine(folder: Path) -> Iterator[dict[str, str]]:
    """An engine that is gone when the block ends, or with this process; its images stay in the cache folder."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        do_without("a Docker engine that answers (to start one takes root and dockerd)")
    need("iptables", "setpriv")
    _CACHE.mkdir(parents=True, exist_ok=True)
    (folder / "daemon.json").write_text(json.dumps(_DAEMON), encoding="ascii")
    environment = {"DOCKER_HOST": f"unix://{folder / 'socket'}"}
    log = folder / "dockerd.log"
    with log.open("wb") as output:
        daemon = subprocess.Popen(
            [
                *("setpriv", "--pdeathsig", "TERM", "dockerd", "--config-file", folder / "daemon.json"),
                *("--data-root", _CACHE / "engine", "--exec-root", folder / "exec", "--pidfile", folder / "pid"),
                *("--host", environment["DOCKER_HOST"]),
            ],
            stdout=output,
            stderr=output,
            process_group=0,
        )
    try:
        if not comes_true(lambda: daemon.poll() is not None or _works(environment, "info"), 30, 0.2) or daemon.poll():
            pytest.fail(f"dockerd does not answer: {log.read_text(encoding='utf-8')[-2000:]}")
        provide_base(environment)
        yield {**environment, "DEBIAN": BASE}
        _works(environment, "image", "prune", "--force")
    finally:
        daemon.terminate()
        daemon.wait(60)


def checkout(folder: Path) -> Path:
    """The repository as git would hand it out now, to be started and changed without touching the developer's own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        timeout=30,
        check=True,
    ).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder
