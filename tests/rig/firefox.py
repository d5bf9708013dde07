"""Debian's Firefox, driven by the remote protocol that it brings along (Marionette), without a driver in between."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from tests.rig.parts import eventually, need

PROGRAM = "firefox-esr" if shutil.which("firefox-esr") else "firefox"

_PREFERENCES = """
user_pref("marionette.port", 0);
user_pref("app.update.enabled", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
"""
_ASYNC = """
const done = arguments[arguments.length - 1];
(async () => { const value = (%s); return typeof value === "function" ? value(arguments[0]) : value; })().then(
  (value) => done({ value: value ?? null }),
  (error) => done({ error: String(error) }),
);
"""
_FIND = """
(selector) => {
  const [host, inner] = selector.split(" ");
  return document.querySelector(host).shadowRoot.querySelector(inner);
}
"""


class MarionetteError(Exception):
    """Firefox refused a command, or a script of ours failed in it."""


class FirefoxTab:
    """The one tab of a running Firefox."""

    def __init__(self, connection: socket.socket, answers: BufferedReader, processes: int) -> None:
        self._connection = connection
        self._answers = answers
        self._processes = processes
        self._number = 0
        self._read()  # the greeting
        self._command("WebDriver:NewSession")

    def goto(self, url: str) -> None:
        """Opens an address."""
        self._command("WebDriver:Navigate", url=url)

    def evaluate(self, expression: str, arg: object = None) -> Any:  # noqa: ANN401 - JavaScript has no types
        """The value of an expression; of a function, what it returns for ``arg``. Waits for promises."""
        answer = self._command("WebDriver:ExecuteAsyncScript", script=_ASYNC % expression, args=[arg], sandbox=None)
        if "error" in answer["value"]:
            raise MarionetteError(answer["value"]["error"])
        return answer["value"]["value"]

    def click(self, selector: str) -> None:
        """Clicks an element in the shadow root of another: ``host [part=inner]``."""
        ((_, element),) = self.evaluate(_FIND, selector).items()
        self._command("WebDriver:ElementClick", id=element)

    @contextmanager
    def asleep(self) -> Iterator[None]:
        """All of its processes stand still, as when a laptop's lid is closed."""
        os.killpg(self._processes, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(self._processes, signal.SIGCONT)

    def _command(self, name: str, **parameters: object) -> dict[str, Any]:
        self._number += 1
        message = json.dumps([0, self._number, name, parameters]).encode()
        self._connection.sendall(b"%d:%b" % (len(message), message))
        _, number, error, result = self._read()
        if error is not None or number != self._number:
            raise MarionetteError(f"{name}: {error}")
        answer: dict[str, Any] = result
        return answer

    def _read(self) -> Any:  # noqa: ANN401 - the greeting is an object, answers are lists
        size = b""
        while (digit := self._answers.read(1)) != b":":
            if not digit:
                raise MarionetteError("Firefox is gone")
            size += digit
        return json.loads(self._answers.read(int(size)))


@contextmanager
def firefox(folder: Path, environment: Mapping[str, str]) -> Iterator[FirefoxTab]:
    """A headless Firefox with a new profile in ``folder``, until the block ends."""
    (folder / "user.js").write_text(_PREFERENCES, encoding="ascii")
    port_file = folder / "MarionetteActivePort"
    need(PROGRAM)
    with (folder / "firefox.log").open("ab") as log:
        process = subprocess.Popen(
            [PROGRAM, "--headless", "--no-remote", "--marionette", "--profile", str(folder)],
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
            process_group=0,
        )
    try:
        eventually(lambda: port_file.is_file() and port_file.read_text(), 30, "Firefox listens")
        address = ("127.0.0.1", int(port_file.read_text()))
        with socket.create_connection(address, timeout=60) as connection, connection.makefile("rb") as answers:
            yield FirefoxTab(connection, answers, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
