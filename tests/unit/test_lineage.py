"""The newest run in the archive: runs are named after it, whatever a clock says after a boot."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from supervisor.capture import Capture, Format
from supervisor.clock import SystemClock
from supervisor.identity import writer_id
from supervisor.lineage import newest_run, remember_run
from supervisor.spool import RunRecord, Spool
from tests.unit.made import RATE, RUN

AFTER = f"{RUN[:-2]}3Z"


class At1970(SystemClock):
    """The clock of a machine whose battery died."""

    def wall_s(self) -> float:
        """A minute after the epoch."""
        return 60.0


@pytest.mark.parametrize("in_spool", [None, "19700101T000000001Z"])
def test_a_boot_with_a_clock_that_is_behind_names_its_run_last(tmp_path: Path, in_spool: str | None) -> None:
    """A run is named after the newest in the archive, also when the spool knows only older ones."""
    with closing(Spool(tmp_path / "spool")) as spool:
        if in_spool:
            spool.write_run(RunRecord(run=in_spool, boot_id="6a1f", sample_rate=RATE, segment_samples=RATE))
        audio = Format(RATE, RATE, device=False)
        capture = Capture(lambda *_: [], audio, {}, spool, At1970(), lambda _: None, newest_run=RUN)
        assert capture._new_run_name() == AFTER
        assert capture._new_run_name() == f"{RUN[:-2]}4Z"


def test_the_newest_run_is_remembered(tmp_path: Path) -> None:
    """What was archived later, of an older run, changes nothing; before anything was archived nothing is known."""
    writer_id(tmp_path)
    assert newest_run(tmp_path) == ""
    for run in (RUN, AFTER, RUN):
        remember_run(tmp_path, run)
    assert newest_run(tmp_path) == AFTER


@pytest.mark.parametrize("content", [b"", b"\xff", b"yesterday", b"20261399T000000000Z", b"99991231T235959999Z"])
def test_what_no_run_can_be_named_after_is_not_known(tmp_path: Path, content: bytes) -> None:
    """A file that somebody else wrote costs the order of names, never the start."""
    writer_id(tmp_path)
    (tmp_path / ".radio-supervisor" / "newest-run").write_bytes(content)
    assert newest_run(tmp_path) == ""
