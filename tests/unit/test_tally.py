"""The month's count of billed requests outlives the process."""

from __future__ import annotations

import threading
from pathlib import Path

from supervisor.identity import writer_id
from supervisor.requests import Requests
from supervisor.stop import Stop
from supervisor.tally import keep_requests, kept_requests
from tests.rig.parts import eventually

COUNTED = Requests(
    class_a=30, class_a_month=900, class_a_forecast=777_600, class_b=3, class_b_month=90, month="2026-11"
)


def _kept(path: Path, counts: list[Requests]) -> None:
    """Keeps what is counted until the end; the last of ``counts`` is what is counted then."""
    ended = Stop()
    asked = iter(counts)
    thread = threading.Thread(target=keep_requests, args=(lambda: next(asked), path, ended))
    thread.start()
    ended.request()
    eventually(lambda: not thread.is_alive(), 10, "it has ended")
    thread.join()
    ended.close()


def test_a_restart_goes_on_counting(tmp_path: Path) -> None:
    """The month's count is written at the end and taken up by the next life, which counts its own from nothing."""
    path = tmp_path / "radio_requests.json"
    writer_id(tmp_path)
    _kept(path, [Requests(), COUNTED])
    assert kept_requests(path) == COUNTED.model_copy(update={"class_a": 0, "class_b": 0})


def test_what_cannot_be_kept_costs_only_the_count(tmp_path: Path) -> None:
    """A folder that takes nothing, no file and a torn file are a count from nothing, and no error."""
    (tmp_path / "file").write_text("{", encoding="utf-8")
    _kept(tmp_path / "file" / "radio_requests.json", [Requests(), COUNTED])
    assert kept_requests(tmp_path / "none") == kept_requests(tmp_path / "file") == Requests()


def test_an_empty_mount_point_gets_no_count(tmp_path: Path) -> None:
    """While the disk with the recordings is not there, nothing is written in its place."""
    _kept(tmp_path / "radio_requests.json", [Requests(), COUNTED])
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_without_need(tmp_path: Path) -> None:
    """A station that sends nothing wakes no disk."""
    writer_id(tmp_path)
    _kept(tmp_path / "x.json", [COUNTED, COUNTED])
    assert not (tmp_path / "x.json").exists()
