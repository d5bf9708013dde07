"""Alerts as the operator gets them: a real station, the real apprise, a real HTTP endpoint."""

from __future__ import annotations

import json
import threading
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from supervisor.alerts import apprise_places
from supervisor.events import Severity
from supervisor.telling import Message
from tests.rig.parts import eventually
from tests.rig.radio import command, on_air

PASSWORD = "geheim-7781"


@contextmanager
def endpoint() -> Iterator[tuple[int, list[dict[str, str]]]]:
    """What apprise's ``json://`` talks to: its port, and what was posted there."""
    posted: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            """Requests are not logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, name="endpoint", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1]), posted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.timeout(180)
def test_an_alarm_reaches_the_operator_and_so_does_its_end(tmp_path: Path, tmpfs: Path) -> None:
    """Silence that lasts is told, once, with its remedy, and its end; a place that is away holds nothing up."""
    with endpoint() as (port, posted):
        settings = {
            "RADIO_SOURCE": f"file:{_half_silent(tmp_path / 'half.wav')}",
            "RADIO_STORE": f"dir:{tmp_path / 'bucket'}",
            "RADIO_SEGMENT_SECONDS": "1",
            "RADIO_SILENCE_SECONDS": "2",
            "RADIO_SPOOL_DIR": str(tmpfs / "spool"),
            "RADIO_ALERT_URLS": f"json://user:{PASSWORD}@127.0.0.1:9 json://user:{PASSWORD}@127.0.0.1:{port}/{PASSWORD}",
        }
        with on_air(tmp_path, settings) as radio:
            radio.published(2, within_s=30)
            eventually(lambda: len(posted) >= 2, 100, "both messages have arrived", 0.2)
            told = json.dumps(radio.status())
            shown = command("config", settings=radio.settings, folder=tmp_path).stdout
            assert radio.stop() == 0
        raised, cleared = posted[:2]
        assert (raised["title"], raised["type"]) == ("radio: silence", "warning")
        assert "nothing louder than -60 dBFS" in raised["message"]
        assert "RADIO_INPUT_PAIR" in raised["message"]
        assert (cleared["title"], cleared["type"]) == ("radio: silence is over", "success")
        assert "alarm silence: nothing louder" in radio.log
        assert "an alert (silence) could not be sent" in radio.log
        assert not [text for text in (radio.log, told, shown) if PASSWORD in text]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the modules that apprise imports
def test_each_kind_of_message_is_told_apart() -> None:
    """What is wrong arrives as a warning, what is only to know as an info, the end of either as a success."""
    with endpoint() as (port, posted):
        (place,) = apprise_places([f"json://127.0.0.1:{port}"])
        for severity, raised in ((Severity.WARNING, True), (Severity.NOTICE, True), (Severity.NOTICE, False)):
            assert place.send(Message("archive_gap", raised, "radio: archive_gap", "a gap", severity))
    assert [message["type"] for message in posted] == ["warning", "info", "success"]


def _half_silent(path: Path) -> Path:
    """Twenty seconds of silence and a minute of a tone."""
    rate = 48_000
    tone = b"".join(
        int(8_000 * ((number // 55) % 2 * 2 - 1)).to_bytes(2, "little", signed=True) * 2 for number in range(rate)
    )
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(20 * rate * 4) + tone * 60)
    return path
