"""The images' base where none can be pulled: Debian's packages, set up as Debian's own image is."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.rig.parts import need

BASE = "debian:trixie-20260918-slim"
"""What the Dockerfiles name, without the digest: that can only be had from the registry."""

_SUITE = "trixie"
_CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_OWN_CAS = "/usr/local/share/ca-certificates"

_DPKG = ("force-unsafe-io", *(f"path-exclude=/usr/share/{kind}/*" for kind in ("doc", "man", "locale")))
_APT = """Dir::Cache::pkgcache ""; Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };"""
"""No documents, nothing of apt's left lying about."""


def provide_base(environment: Mapping[str, str]) -> None:
    """Makes the image if the engine that ``environment`` leads to has none of this name."""
    need("mmdebstrap")
    env = {**os.environ, **environment}
    if subprocess.run(["docker", "image", "inspect", BASE], env=env, capture_output=True, check=False).returncode == 0:
        return
    settings = [f"--change=ENV {name}={value}" for name, value in _settings_of_clients()]
    with subprocess.Popen(
        ["mmdebstrap", "--variant=minbase", "--quiet", *_options(), _SUITE, "-"], stdout=subprocess.PIPE
    ) as made:
        subprocess.run(["docker", "import", *settings, "-", BASE], stdin=made.stdout, env=env, timeout=300, check=True)
    assert made.returncode == 0


def _options() -> Iterator[str]:
    yield from (f"--dpkgopt={line}" for line in _DPKG)
    yield f'--customize-hook=echo {shlex.quote(_APT)} >"$1/etc/apt/apt.conf.d/docker-clean"'
    yield '--customize-hook=rm "$1"/var/cache/apt/*.bin'
    if Path(_CA_BUNDLE).exists():  # this machine's network may have an authority of its own
        yield f'--customize-hook=mkdir -p "$1{Path(_CA_BUNDLE).parent}" "$1{_OWN_CAS}"'
        yield f"--customize-hook=copy-in {_CA_BUNDLE} {Path(_CA_BUNDLE).parent}"
        yield f"--customize-hook=copy-in {_OWN_CAS} {Path(_OWN_CAS).parent}"


def _settings_of_clients() -> Iterator[tuple[str, str]]:
    """What pip and Deno have to be told to ask and to believe whom this machine does."""
    yield from ((name, os.environ[name]) for name in ("PIP_INDEX_URL", "PIP_DEFAULT_TIMEOUT") if name in os.environ)
    if Path(_CA_BUNDLE).exists():
        yield "PIP_CERT", _CA_BUNDLE
        yield "DENO_TLS_CA_STORE", "system"
