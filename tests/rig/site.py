"""The station's site as Deno Deploy runs it: main.tsx, served by Deno."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.parts import ROOT, eventually, free_port

DENO = ROOT / "radio-client/tests/node_modules/.bin/deno"


@contextmanager
def deno_site(public_url: str, log_path: Path) -> Iterator[str]:
    """Serves the site of the bucket at ``public_url``; gives its address."""
    port = free_port()
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [DENO, "task", "start"],
            cwd=ROOT / "radio-client",
            env={**os.environ, "R2_PUBLIC_URL": public_url, "DENO_SERVE_ADDRESS": f"tcp:127.0.0.1:{port}"},
            stdout=log,
            stderr=log,
            process_group=0,
        )
    try:
        eventually(lambda: is_listening(port), 30, "Deno serves the site")
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def is_listening(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
