"""The command line: one function for each command, thin over the parts that do the work."""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from supervisor import __version__, archive_commands, report
from supervisor.encoding import usable_ffmpeg
from supervisor.errors import Exit, UserError
from supervisor.hangup import is_on_terminal, wish_by_hangup
from supervisor.options import AsJson, EnvFile, SetOptions, load_settings
from supervisor.sd_notify import service_manager
from supervisor.settings import Settings, source_of

if TYPE_CHECKING:
    from supervisor.devices import Device
    from supervisor.running import Picture
    from supervisor.station import Station
    from supervisor.status import Snapshot

_BOOT_PATIENCE_S = 60.0
"""A service manager starts a station while the machine still boots, and its card may come later."""

app = typer.Typer(
    name="radio-supervisor",
    help="A lossless internet radio from a sound card to a bucket: sample-exact, unattended.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

app.add_typer(archive_commands.app)


@app.command()
def start(
    env_file: EnvFile = None,
    set_: SetOptions = None,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="Go on air even if another supervisor is on air at this prefix.")
    ] = False,
    no_dashboard: Annotated[
        bool, typer.Option("--no-dashboard", help="Write log lines on a terminal too, instead of the dashboard.")
    ] = False,
) -> None:
    """Go on air: capture, publish and archive until SIGTERM or Ctrl-C. A terminal shows the dashboard.

    SIGHUP takes over new keys from the env file; on a terminal, where it means that the window was closed, it stops.
    Settings come from the environment and the env file; 'radio-supervisor config' shows them all. Exit codes: 0 stopped
    cleanly, 1 failed, 2 wrong settings or something missing.
    """
    wish = None if is_on_terminal() else wish_by_hangup()
    manager = service_manager(os.environ)
    loaded = load_settings(env_file, set_)
    settings = loaded.settings
    report.set_up(settings.radio_log_format, settings.radio_log_level)
    source = source_of(settings)
    with ThreadPoolExecutor(1, thread_name_prefix="ffmpeg-check") as checks:
        # FFmpeg is asked what it can do while Python still loads the rest: a fifth of a second sooner on air
        ffmpeg = checks.submit(usable_ffmpeg, source)
        from supervisor import prepare
        from supervisor.reload import Reloader
        from supervisor.running import attend_service, run_station

        patience_s = _BOOT_PATIENCE_S if manager else 0.0
        plan = prepare.plan(settings, source, ffmpeg.result(), take_over=take_over, device_within_s=patience_s)
    store = prepare.store(settings)
    prepare.note_key(settings)

    def attend(station: Station) -> None:
        if manager is not None:
            attend_service(station, manager)
        if wish is not None:
            announced = manager.reloading if manager else nullcontext
            reloader = Reloader(loaded, lambda: load_settings(env_file, set_), store, station.tell, announced)
            station.attend("reload", partial(reloader.run, wish))

    with closing(prepare.spool(settings)) as spool:
        run_station(plan, store, spool, None if no_dashboard else _picture(), attend)


@app.command()
def demo(
    file: Annotated[
        Path | None, typer.Option("--file", help="Play this sound file, in a loop, instead of the synthetic programme.")
    ] = None,
    port: Annotated[int, typer.Option("--port", help="Where the listener's page answers.", min=0, max=65535)] = 8080,
    data: Annotated[Path, typer.Option("--data", help="The folder for bucket and recordings.")] = Path("demo-data"),
    segment_seconds: Annotated[int, typer.Option("--segment-seconds", help="Segment length.", min=1, max=30)] = 10,
) -> None:
    """Hear the whole line with no hardware and no account, at http://127.0.0.1:8080.

    A synthetic programme (or --file) goes the way that production goes, into a local folder as the bucket.
    """
    from supervisor.demo import run_demo

    run_demo(file, port, data, segment_seconds)


@app.command()
def status(env_file: EnvFile = None, set_: SetOptions = None, as_json: AsJson = False) -> None:
    """One look at a running supervisor. Exit codes: 0 on air, 1 not on air, 3 nothing answers."""
    from supervisor.spool import Folders
    from supervisor.state import ON_AIR
    from supervisor.status_server import ask, status_json

    settings = load_settings(env_file, set_).settings
    snapshot = ask(settings.status_address, Folders(settings.spool_dir))
    if snapshot is None:
        raise _no_answer(settings)
    typer.echo(status_json(snapshot) if as_json else _status_text(snapshot))
    raise typer.Exit(Exit.OK if snapshot.state in ON_AIR else Exit.FAILED)


@app.command()
def doctor(
    env_file: EnvFile = None,
    set_: SetOptions = None,
    as_json: AsJson = False,
    origin: Annotated[
        str | None, typer.Option("--origin", metavar="URL", help="The page that plays the station: checks CORS for it.")
    ] = None,
    print_cors: Annotated[
        bool, typer.Option("--print-cors", help="Only print the CORS policy for --origin, to paste into the dashboard.")
    ] = False,
) -> None:
    """Check everything that must hold before going on air, each with its remedy.

    It listens for two seconds, and stores some probes for a moment. Exit codes: 0 ready, 1 a check failed.
    """
    from supervisor.doctor import command, cors

    page = command.checked_origin(origin)
    if print_cors:
        typer.echo(cors.rule(page))
        return
    raise typer.Exit(command.run_doctor(load_settings(env_file, set_), page, as_json=as_json))


@app.command()
def dashboard(env_file: EnvFile = None, set_: SetOptions = None) -> None:
    """Watch a running supervisor in this terminal; q or Ctrl-C leaves, and the station goes on.

    Exit codes: 0 left, 2 there is no terminal, 3 nothing answers.
    """
    from supervisor.dashboard.shell import attach
    from supervisor.spool import Folders
    from supervisor.status_server import ask

    settings = load_settings(env_file, set_).settings
    folders = Folders(settings.spool_dir)
    first = ask(settings.status_address, folders)
    if first is None:
        raise _no_answer(settings)
    attach(lambda: ask(settings.status_address, folders), first)


@app.command()
def devices(as_json: AsJson = False) -> None:
    """List the devices that can capture: what to set RADIO_SOURCE to, channels, rates, formats."""
    from supervisor.devices import capture_devices

    found = capture_devices()
    if as_json:
        typer.echo(json.dumps([_device_row(device) for device in found], indent=2))
        return
    for device in found:
        typer.echo(_device_text(device))
    if not found:
        typer.echo("No device can capture. Is one plugged in, and are you in the group 'audio'? (id -nG)")


@app.command()
def config(env_file: EnvFile = None, set_: SetOptions = None, as_json: AsJson = False) -> None:
    """Show every setting, its value and where that came from. Secrets are masked."""
    from rich.console import Console
    from rich.table import Table

    rows = load_settings(env_file, set_).rows()
    if as_json:
        typer.echo(json.dumps({name: {"value": value, "from": origin} for name, value, origin in rows}, indent=2))
        return
    table = Table("setting", "value", "from", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    Console(soft_wrap=True).print(table, highlight=False, markup=False)


@app.command()
def estimate(
    env_file: EnvFile = None,
    set_: SetOptions = None,
    as_json: AsJson = False,
    segment_seconds: Annotated[
        int | None, typer.Option("--segment-seconds", help="Instead of RADIO_SEGMENT_SECONDS.", min=1, max=30)
    ] = None,
    window: Annotated[int | None, typer.Option("--window", help="Instead of RADIO_WINDOW.", min=2, max=100)] = None,
    listeners: Annotated[int, typer.Option("--listeners", help="How many listen at once.", min=0)] = 10,
    hours: Annotated[float, typer.Option("--hours", help="For how many hours a day.", min=0, max=24)] = 24.0,
    hq_mbit_s: Annotated[
        float | None,
        typer.Option("--hq-mbit-s", help="What FLAC comes to; without it, as if nothing could be compressed.", min=0.1),
    ] = None,
) -> None:
    """What a station needs and costs: line, bucket, disk, requests, and R2's list prices.

    A running station tells its own rate: 'status --json', upload.needed_mbit_s, is both qualities together.
    """
    from rich.console import Console

    from ffmpeg_profiles.renditions.opus import BITRATE
    from supervisor import estimate_view
    from supervisor.estimate import Assumptions, pcm_mbit_s
    from supervisor.estimate import estimate as estimated

    settings = load_settings(env_file, set_).settings
    assumed = Assumptions(
        segment_s=segment_seconds or settings.radio_segment_seconds,
        window=window or settings.radio_window,
        hq_mbit_s=hq_mbit_s or pcm_mbit_s(settings.radio_sample_rate),
        lq_mbit_s=BITRATE / 1e6,
        listeners=listeners,
        hours_a_day=hours,
    )
    if as_json:
        typer.echo(estimate_view.as_json(assumed, estimated(assumed)))
    else:
        estimate_view.show(assumed, estimated(assumed), Console(soft_wrap=True))


@app.callback(invoke_without_command=True)
def about(version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False) -> None:
    """A lossless internet radio from a sound card to a bucket: sample-exact, unattended."""
    if version:
        typer.echo(f"radio-supervisor {__version__}")
        raise typer.Exit


def main() -> None:
    """The console script: errors for people go to stderr, without a traceback."""
    try:
        app()
    except UserError as error:
        typer.echo(f"radio-supervisor: {error}", err=True)
        sys.exit(error.exit_code)


def _picture() -> Picture | None:
    """The dashboard, if there is a terminal that can show it."""
    if not sys.stdout.isatty():
        return None
    from supervisor.dashboard.shell import on_terminal

    return on_terminal()


def _no_answer(settings: Settings) -> UserError:
    host, port = settings.status_address
    remedy = "Is the supervisor running, and with the same RADIO_STATUS_LISTEN?"
    spool = settings.spool_dir
    if os.path.exists(spool) and not os.access(spool, os.X_OK):  # noqa: PTH110 - Path.exists raises where it may not look
        remedy = f"The spool '{spool}' is another user's: ask as the user that runs the supervisor. {remedy}"
    return UserError(f"nothing answers at {host}:{port}.", remedy, Exit.NO_ANSWER)


_ALARM_WORDS = {"warning": "ALARM", "notice": "NOTICE"}


def _status_text(s: Snapshot) -> str:
    latency = "-" if s.publish_latency_ms.p50 is None else f"{s.publish_latency_ms.p50:.0f} ms"
    latest = "-" if s.latest is None else s.latest
    lines = [
        f"{s.station}: {s.state.replace('_', ' ')} since {s.since:%Y-%m-%d %H:%M:%S} UTC",
        f"published {s.segments_published} segments, latest {latest}, latency {latency}",
        f"capture restarts {s.capture.restarts}, xruns {s.capture.xruns}, lost samples {s.lost.samples}",
        *(f"{_ALARM_WORDS[alarm.severity]} {alarm.code}: {alarm.message} {alarm.remedy}" for alarm in s.alarms),
    ]
    return "\n".join(lines)


def _device_row(device: Device) -> dict[str, object]:
    return {
        "source": device.source,
        "usb_source": device.usb_source or None,
        "description": device.description,
        "channels": device.channels,
        "rates": device.rates,
        "formats": device.formats,
        "problem": device.problem or None,
    }


def _device_text(device: Device) -> str:
    names = f"{device.source}  or  {device.usb_source}" if device.usb_source else device.source
    if device.channels is None:
        return f"{names}\n    {device.description}: cannot be opened: {device.problem}"
    least, most = device.channels
    channels = f"{least}" if least == most else f"{least} to {most}"
    rates, formats = " ".join(map(str, device.rates)), " ".join(device.formats)
    return f"{names}\n    {device.description}: {channels} channels; {rates} Hz; {formats}"
