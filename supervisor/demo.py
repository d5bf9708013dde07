"""The demo: the production line with no hardware and no account, and a page to listen to it."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import typer
from pydantic import SecretStr

from supervisor import prepare, report
from supervisor.bucket import MANIFEST_HEADERS, SEGMENT_HEADERS
from supervisor.encoding import usable_ffmpeg
from supervisor.errors import UserError
from supervisor.names import EXTENSIONS
from supervisor.running import run_station
from supervisor.settings import load, source_of
from supervisor.stores.store import Headers
from supervisor.web import Answer, Respond, WebServer, file_answer

_PAGE_HEADERS = {
    ".html": Headers("text/html; charset=utf-8", "no-cache"),
    ".js": Headers("text/javascript; charset=utf-8", "no-cache"),
    ".css": Headers("text/css; charset=utf-8", "no-cache"),
    ".svg": Headers("image/svg+xml", "no-cache"),
    ".png": Headers("image/png", "no-cache"),
}
_BUCKET_HEADERS = {f".{EXTENSIONS[name]}": headers for name, headers in SEGMENT_HEADERS.items()} | {
    ".json": MANIFEST_HEADERS
}

_NOT_PRODUCTION = {
    "radio_prefix": "",
    "r2_public_url": "",
    "radio_page_origin": "",
    "radio_alert_urls": SecretStr(""),
}
"""The environment may be a real station's: whose listeners and operator the demo is not for."""


def run_demo(file: Path | None, port: int, data: Path, segment_s: int) -> None:
    """Runs the demo until Ctrl-C.

    Raises:
        UserError: the file, the folder, the port or FFmpeg cannot be used.
    """
    bucket, recordings = data / "bucket", data / "recordings"
    settings = load(
        env_file=Path("/dev/null"),
        command_line={
            "RADIO_STATION": "demo",
            "RADIO_SOURCE": f"file:{file}" if file else "tone:",
            "RADIO_STORE": f"dir:{bucket}",
            "RADIO_RECORDINGS_DIR": str(recordings),
            "RADIO_SEGMENT_SECONDS": str(segment_s),
        },
    ).settings.model_copy(update=_NOT_PRODUCTION)
    report.set_up(settings.radio_log_format, settings.radio_log_level)
    source = source_of(settings)
    plan = prepare.plan(settings, source, usable_ffmpeg(source, _ffmpeg()))
    store = prepare.store(settings)
    with closing(prepare.spool(settings)) as spool:
        web = WebServer(("127.0.0.1", port), _respond(_client(), bucket), "--port")
        web.start()
        _say(web.port, settings.radio_source, bucket, recordings, segment_s)
        try:
            # the synthetic programme's is 3000 characters long, and where to listen would scroll away
            run_station(plan, store, spool, command_level=logging.DEBUG)
        finally:
            web.stop()


def _respond(client: Path, bucket: Path) -> Respond:
    """The page at ``/``, the player at ``/player/``, the bucket at ``/live/``, as a browser would meet them."""

    def respond(path: str, request: Mapping[str, str]) -> Answer:
        path = "/index.html" if path == "/" else path
        if path.startswith("/live/"):
            root, known = bucket, _BUCKET_HEADERS
        else:
            root, known = (client if path.startswith("/player/") else client / "page"), _PAGE_HEADERS
        headers = known.get(Path(path).suffix, Headers("application/octet-stream", "no-cache"))
        sent = {"Content-Type": headers.content_type, "Cache-Control": headers.cache_control}
        return file_answer(root, path, request, sent)

    return respond


def _client() -> Path:
    """The folder of page and player: in the installed package, or in the source tree that this is run from."""
    here = Path(__file__).resolve().parent
    packaged = here / "client"
    return packaged if packaged.is_dir() else here.parent / "radio-client"


def _ffmpeg() -> str:
    """The machine's own FFmpeg, else the one that the extra ``bundled-ffmpeg`` brings."""
    own = shutil.which("ffmpeg")
    if own is not None:
        return own
    try:
        import imageio_ffmpeg  # noqa: PLC0415 - an extra, needed only here
    except ImportError:
        raise UserError(
            "there is no FFmpeg on this machine.",
            "Install it (apt-get install ffmpeg), or the one from PyPI: pip install 'radio-supervisor[bundled-ffmpeg]'",
        ) from None
    bundled: str = imageio_ffmpeg.get_ffmpeg_exe()
    return bundled


def _say(port: int, source: str, bucket: Path, recordings: Path, segment_s: int) -> None:
    what = "a synthetic programme" if source == "tone:" else source.removeprefix("file:")
    typer.echo(
        f"""
  radio-supervisor demo: {what}, as FLAC and Opus in segments of {segment_s} s

  listen      http://127.0.0.1:{port}   (sound after the first segment, in about {segment_s + 1} s)
  bucket      {bucket.resolve()}
  recordings  {recordings.resolve()}

  Ctrl-C stops it.
"""
    )
