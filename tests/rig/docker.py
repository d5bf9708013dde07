"""A Docker engine with compose: the machine's own, or, as root, one that is started here and cannot pull images."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.rig.parts import ROOT, do_without, eventually, need

SUITE = "trixie"
BASE = "debian:trixie-20260918-slim"
"""What the Dockerfiles name, without the digest: that can only be had from the registry."""

_MIRROR = "http://deb.debian.org/debian"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "radio-supervisor-tests"
_CA_BUNDLE = Path("etc/ssl/certs/ca-certificates.crt")
_OWN_CAS = Path("usr/local/share/ca-certificates")

_LEFT_OUT = ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/man", "usr/share/locale")

_AS_SLIM = {
    "etc/dpkg/dpkg.cfg.d/docker": "force-unsafe-io\n"
    "path-exclude /usr/share/doc/*\npath-exclude /usr/share/man/*\npath-exclude /usr/share/locale/*\n",
    "etc/apt/apt.conf.d/docker-clean": 'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n'
    'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };\n',
}
"""What Debian's own images are set to: no documents, no packages left lying about."""

_DAEMON = {"builder": {"gc": {"enabled": True, "defaultKeepStorage": "4GB"}}}


@contextmanager
def docker_engine() -> Iterator[dict[str, str]]:
    """What docker needs in its environment to reach an engine that answers and knows compose.

    What was built stays for the next time, in the machine's own engine or in the user's cache folder.
    """
    need("docker")
    folder = Path(tempfile.mkdtemp(prefix="radio-docker-"))
    try:
        if _answers(os.environ):
            yield _with_compose(folder, {})
            return
        with _own_engine(folder) as environment:
            yield _with_compose(folder, environment)
            docker("image", "prune", "--force", environment=environment)
    finally:
        shutil.rmtree(folder)


def docker(*words: str, environment: Mapping[str, str], within_s: float = 60) -> str:
    """Runs one docker command; what it prints.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    return subprocess.run(
        ["docker", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=within_s,
        check=True,
    ).stdout


def _answers(environment: Mapping[str, str], *words: str) -> bool:
    asked = subprocess.run(
        ["docker", *(words or ("info", "--format", "{{.ID}}"))],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=30,
        check=False,
    )
    return asked.returncode == 0


def _with_compose(folder: Path, environment: dict[str, str]) -> dict[str, str]:
    """The environment, in which ``docker compose`` is the machine's own or else the one from PyPI."""
    if _answers(environment, "compose", "version"):
        return environment
    import compose  # noqa: PLC0415 - a name that says little; only here is it clear what it is

    plugins = folder / "config/cli-plugins"
    plugins.mkdir(parents=True)
    (plugins / "docker-compose").symlink_to(Path(compose.__file__).with_name("docker-compose"))
    return {**environment, "DOCKER_CONFIG": str(plugins.parent)}


@contextmanager
def _own_engine(folder: Path) -> Iterator[dict[str, str]]:
    """An engine that is gone when the block ends; its images stay in the cache folder."""
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        do_without("a Docker engine that answers (and none can be started: that takes root and dockerd)")
    need("iptables", "debootstrap", "tar")
    _CACHE.mkdir(parents=True, exist_ok=True)
    (folder / "daemon.json").write_text(json.dumps(_DAEMON), encoding="ascii")
    with (folder / "dockerd.log").open("wb") as log:
        daemon = subprocess.Popen(
            [
                *("dockerd", "--config-file", folder / "daemon.json", "--data-root", _CACHE / "engine"),
                *("--exec-root", folder / "exec", "--pidfile", folder / "pid", "--host", f"unix://{folder / 'socket'}"),
            ],
            stdout=log,
            stderr=log,
            process_group=0,
        )
    environment = {"DOCKER_HOST": f"unix://{folder / 'socket'}"}
    try:
        eventually(lambda: _answers(environment), 30, f"dockerd answers; {folder}/dockerd.log says why not", 0.2)
        _provide_base(environment)
        yield {**environment, "DEBIAN": BASE}
    finally:
        daemon.terminate()
        daemon.wait(30)


def _provide_base(environment: Mapping[str, str]) -> None:
    """Makes the base image out of Debian's packages if the engine has none: there may be no registry to pull from."""
    if _answers(environment, "image", "inspect", BASE):
        return
    with tempfile.TemporaryDirectory() as made:
        root = Path(made) / SUITE
        _run("debootstrap", "--variant=minbase", SUITE, root, _MIRROR)
        for name, text in _AS_SLIM.items():
            (root / name).write_text(text, encoding="ascii")
        _trust_as_here(root)
        for rest in (
            "var/cache/apt/archives",
            "var/lib/apt/lists",
            "usr/share/doc",
            "usr/share/man",
            "usr/share/locale",
        ):
            shutil.rmtree(root / rest)
            (root / rest).mkdir()
        settings = [f"--change=ENV {name}={value}" for name, value in _settings_for_clients().items()]
        with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as archive:
            _run("docker", "import", *settings, "-", BASE, stdin=archive.stdout, environment=environment)
        assert archive.returncode == 0


def _trust_as_here(root: Path) -> None:
    """Takes this machine's certificates into the image: its network may have an authority of its own."""
    if not (Path("/") / _CA_BUNDLE).exists():
        return
    (root / _CA_BUNDLE).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path("/") / _CA_BUNDLE, root / _CA_BUNDLE)
    shutil.copytree(Path("/") / _OWN_CAS, root / _OWN_CAS, dirs_exist_ok=True)


def _settings_for_clients() -> dict[str, str]:
    """What pip and Deno have to be told to believe and to ask whom this machine does."""
    own = {name: os.environ[name] for name in ("PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT") if name in os.environ}
    return {**own, "PIP_CERT": f"/{_CA_BUNDLE}", "DENO_TLS_CA_STORE": "system"}


def _run(*command: str | Path, stdin: object = None, environment: Mapping[str, str] | None = None) -> None:
    ran = subprocess.run(  # type: ignore[call-overload]
        command,
        stdin=stdin,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout.decode()[-2000:]


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
