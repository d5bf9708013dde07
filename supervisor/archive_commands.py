"""The commands of the archive: list, verify, prune, export; thin over supervisor/recordings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from supervisor.clock import compact_ms, iso_ms
from supervisor.errors import Exit, UserError
from supervisor.options import AsJson, EnvFile, SetOptions, load_settings

if TYPE_CHECKING:
    from supervisor.recordings.catalogue import Catalogue
    from supervisor.recordings.export import Cut
    from supervisor.recordings.pruning import Pruned
    from supervisor.recordings.reading import Reader
    from supervisor.settings import Settings

app = typer.Typer(name="archive", help="The recordings: what is there, whether it is whole, what goes, cutting out.")


@app.command(name="list")
def list_(env_file: EnvFile = None, set_: SetOptions = None, as_json: AsJson = False) -> None:
    """Show a calendar of what is recorded: a bar for each UTC hour, hours with gaps in red, and the totals."""
    from supervisor.archive_view import list_row, print_calendar
    from supervisor.recordings.coverage import calendar, gaps

    settings = load_settings(env_file, set_).settings
    catalogue = _catalogue(settings)
    days, missing = calendar(catalogue.files), gaps(catalogue.files)
    if as_json:
        typer.echo(json.dumps(list_row(settings.radio_station, catalogue, days, missing), indent=2))
    else:
        print_calendar(settings.radio_station, catalogue, days, missing)


@app.command()
def verify(env_file: EnvFile = None, set_: SetOptions = None, as_json: AsJson = False) -> None:
    """Decode every file and compare it with its MD5, and look for gaps and overlaps.

    Exit codes: 0 every second from the first to the last is there once, as it was captured; 1 something is wrong.
    """
    from rich.console import Console
    from rich.progress import Progress

    from supervisor.archive_view import report_row, report_text
    from supervisor.recordings.verify import verify as verified

    settings = load_settings(env_file, set_).settings
    catalogue, reader = _catalogue(settings), _reader()
    if not (catalogue.files or catalogue.problems):
        raise UserError(
            f"there is no recording of the station '{settings.radio_station}' in '{_root(settings)}'.",
            "Set RADIO_STATION and RADIO_RECORDINGS_DIR to those of the station that recorded.",
            Exit.FAILED,
        )
    with Progress(console=Console(stderr=True), transient=True) as progress, _disk_errors():
        task = progress.add_task("decoding", total=sum(file.bytes for file in catalogue.files))
        found = verified(catalogue, reader, lambda file: progress.advance(task, file.bytes))
    typer.echo(json.dumps(report_row(found), indent=2) if as_json else report_text(found))
    raise typer.Exit(Exit.OK if found.is_fine else Exit.FAILED)


@app.command()
def prune(
    env_file: EnvFile = None,
    set_: SetOptions = None,
    as_json: AsJson = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
) -> None:
    """Delete what RADIO_RECORDINGS_KEEP_DAYS and RADIO_RECORDINGS_MIN_FREE_GB do not let stay, oldest first.

    The current hour and files of others are never touched. Nothing goes for its age while nobody keeps this machine's
    clock in time. Exit codes: 0 the limits hold now; 1 they cannot be held, or a file will not go.
    """
    from supervisor.host_clock import kept_clock_ahead_s
    from supervisor.prepare import limits
    from supervisor.recordings.pruning import prune as pruned
    from supervisor.recordings.retention import by_witness

    settings = load_settings(env_file, set_).settings
    root, wanted = _root(settings), limits(settings)
    sure, now = by_witness(wanted, datetime.now(UTC), kept_clock_ahead_s() if wanted.keep_days else None)
    aged = sure.keep_days == wanted.keep_days
    with _disk_errors():
        gone = pruned(root, settings.radio_station, sure, now, dry_run=dry_run)
    paths = [str(file.path) for file in gone.files]
    if as_json:
        stuck = [{"path": str(path), "why": why} for path, why in gone.stuck]
        row = {"deleted": paths, "bytes": gone.bytes, "lacking_bytes": gone.lacking_bytes, "dry_run": dry_run}
        typer.echo(json.dumps({**row, "stuck": stuck, "age_applied": aged}, indent=2))
    else:
        done = "would be deleted" if dry_run else "deleted"
        typer.echo("\n".join([*paths, f"{len(paths)} files {done}, {gone.bytes / 1e9:.3f} GB"]))
    _require_that_limits_hold(gone, root, 0 if aged else wanted.keep_days)


def _require_that_limits_hold(gone: Pruned, root: Path, unaged_days: int | None) -> None:
    if gone.stuck:
        raise UserError(
            "\n".join(f"{path} cannot be deleted: {why}." for path, why in gone.stuck),
            "Look at the owner and the attributes (lsattr) of the file and its folder.",
            Exit.FAILED,
        )
    if gone.lacking_bytes > 0:
        raise UserError(
            f"{gone.lacking_bytes / 1e9:.3f} GB more would have to be free on the disk of '{root}'.",
            "Make room there, or lower RADIO_RECORDINGS_MIN_FREE_GB.",
            Exit.FAILED,
        )
    if unaged_days:
        raise UserError(
            f"RADIO_RECORDINGS_KEEP_DAYS={unaged_days}: nothing goes for its age, nobody keeps this machine's clock.",
            "Synchronise it ('timedatectl set-ntp true', or install chrony), and try again.",
            Exit.FAILED,
        )


@app.command()
def export(
    begin: Annotated[str, typer.Option("--from", metavar="TIME", help="From when: ISO 8601; UTC without an offset.")],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="To before when.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write. Default: STATION_FROM_TO.flac here.")
    ] = None,
    env_file: EnvFile = None,
    set_: SetOptions = None,
    as_json: AsJson = False,
) -> None:
    """Cut a span of time out of the archive as one FLAC file, exact to the sample, across files.

    What is missing in between is left out, told, and noted in the file's tag GAPS. Exit codes: 0 written, 1 nothing was
    recorded then or it is damaged, 2 wrong usage.
    """
    from supervisor.archive_view import export_row, export_text
    from supervisor.recordings.export import CannotCutError, cut, write
    from supervisor.recordings.reading import FFmpegFailedError

    first, last = _instant("--from", begin), _instant("--to", end)
    if first >= last:
        raise UserError(f"--from {iso_ms(first)} is not before --to {iso_ms(last)}.")
    settings = load_settings(env_file, set_).settings
    path = output or Path(f"{settings.radio_station}_{compact_ms(first)}_{compact_ms(last)}.flac")
    if why := _why_not_writable(path):
        raise UserError(f"'{path}' {why}.", "Name another file with --output.")
    catalogue, reader = _catalogue(settings), _reader()
    try:
        wanted = cut(catalogue.files, first, last)
        with _disk_errors():
            write(wanted, path, reader, _export_tags(settings.radio_station, first, last, wanted))
    except (CannotCutError, FFmpegFailedError) as error:
        raise UserError(f"{error}.", exit_code=Exit.FAILED) from error
    typer.echo(json.dumps(export_row(path, wanted), indent=2) if as_json else export_text(path, wanted))


def _why_not_writable(path: Path) -> str:
    """Why nothing can be exported to ``path``; empty when nothing is known against it."""
    try:
        if path.exists():
            return "is there already"
        return "" if path.absolute().parent.is_dir() else "is in a folder that is not there"
    except OSError as error:
        return f"cannot be written: {error.strerror}"


def _root(settings: Settings) -> Path:
    with _disk_errors():
        root = settings.radio_recordings_dir.resolve()
        is_there = root.is_dir()
    if not is_there:
        raise UserError(
            f"RADIO_RECORDINGS_DIR={settings.radio_recordings_dir}: there is no such folder.",
            "Set it to the folder that the station records into.",
        )
    return root


def _catalogue(settings: Settings) -> Catalogue:
    """What is in the archive; a piece that a recording holds already is about to be deleted, and left out."""
    from supervisor.recordings.catalogue import Catalogue, read_settled
    from supervisor.recordings.joining import without_copies

    with _disk_errors():
        found = read_settled(_root(settings), settings.radio_station)
    return Catalogue(tuple(without_copies(found.files)), found.damaged, found.unreadable)


def _reader() -> Reader:
    from supervisor.encoding import archive_ffmpeg
    from supervisor.recordings.reading import Reader
    from supervisor.stop import Stop

    return Reader(archive_ffmpeg(), Stop())


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"the disk failed: {error}", exit_code=Exit.FAILED) from error


def _instant(option: str, text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise UserError(
            f"{option} {text}: not a time.",
            "Write ISO 8601, for example 2026-11-23T15:00:00 or 2026-11-23T16:00+01:00.",
        ) from None


def _export_tags(station: str, first: datetime, last: datetime, wanted: Cut) -> dict[str, str]:
    gaps = "; ".join(f"{iso_ms(gap.start)} {gap.samples} samples" for gap in wanted.gaps)
    return {"STATION": station, "FROM": iso_ms(first), "TO": iso_ms(last), **({"GAPS": gaps} if gaps else {})}
