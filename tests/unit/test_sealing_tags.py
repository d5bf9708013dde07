"""Heads of archived files: what is written can be read, and damage is told as damage."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.sealing.damage import DamagedError
from supervisor.sealing.tags import add_tags, place_tags, read_head
from supervisor.segments import Place
from tests.rig.audio import decode_flac, flac_is_perfect
from tests.rig.sealing import seal, with_tags
from tests.unit.takes import RATE, Take

NAMED = datetime(2026, 11, 23, 15, 45, 30, 412_000, UTC)
PLACE = Place("20261123T154530100Z", 960_000, RATE, RATE, NAMED, 1000.1 + 2e-13, "6a1f-x")


@pytest.fixture(scope="module")
def piece(short_take: Take) -> bytes:
    """A sealed second with the tags of the archive."""
    return with_tags(seal(short_take.pair(1), RATE, RATE).hq, place_tags("radio", PLACE))


def test_a_place_survives_in_the_tags(piece: bytes) -> None:
    """What is written is read back, the boot clock to its last digit."""
    head = read_head(BytesIO(piece))
    assert head.place(NAMED) == PLACE
    assert (head.samples, head.sample_rate, head.tags["STATION"]) == (RATE, RATE, "radio")


def test_what_the_device_had_lost_survives_in_the_tags(piece: bytes) -> None:
    """Samples that went by inside a run are told by its files too, so that the archive has the manifest's gap."""
    lossy = replace(PLACE, lost_before=74_212)
    assert read_head(BytesIO(with_tags(piece, place_tags("radio", lossy)))).place(NAMED) == lossy


def test_tags_change_nothing_of_the_sound(piece: bytes, short_take: Take, tmp_path: Path) -> None:
    """With tags a file is still flawless and holds what was captured; added later on disk, no byte of audio moves."""
    path = tmp_path / "piece.flac"
    path.write_bytes(piece)
    assert flac_is_perfect(path)
    assert np.array_equal(decode_flac(piece), short_take.captured(1))
    with path.open("r+b") as file:
        add_tags(file, {"GAP_BEFORE": "7"})
    assert flac_is_perfect(path)
    with path.open("rb") as file:
        assert read_head(file).tags["GAP_BEFORE"] == "7"


def test_a_file_that_lost_its_tags_is_placed_by_its_name(short_take: Take) -> None:
    """Without tags the start in the name counts, and the file is a run of its own."""
    head = read_head(BytesIO(seal(short_take.pair(0), 0, RATE).hq))
    place = head.place(NAMED)
    assert (place.start, place.samples, place.first_sample) == (NAMED, RATE, 0)
    assert place.run == "20261123T154530412Z"


def test_tags_of_somebody_else_are_damage(piece: bytes) -> None:
    """Tags that this program does not write are told as damage."""
    wrong = {
        "FIRST_SAMPLE": ("many", "-1", "9" * 30),
        "START": ("yesterday", "2026-11-23T15:45:30.412"),
        "BOOT_TIME": ("", "nan", "-inf", "1e300"),
        "LOST_BEFORE": ("few", "-1"),
    }
    for name, value in ((name, value) for name, values in wrong.items() for value in values):
        with pytest.raises(DamagedError):
            read_head(BytesIO(with_tags(piece, {name: value}))).place(NAMED)


@given(st.data())
def test_a_damaged_head_is_never_another_error(piece: bytes, data: st.DataObject) -> None:
    """Whatever is cut or changed in the first bytes: a head is read, or it is told that it is damaged."""
    content = bytearray(piece[: data.draw(st.integers(0, 600))])
    for _ in range(data.draw(st.integers(0, 4))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with suppress(DamagedError):  # any other error fails the test
        place = read_head(BytesIO(bytes(content))).place(NAMED)
        assert place.sample_rate > 0
        assert place.start.tzinfo is not None


def test_a_failing_disk_is_not_damage() -> None:
    """An error of the disk stays one: nothing is set aside for it."""

    class Failing(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error", size)

    with pytest.raises(OSError, match="Input/output error"):
        read_head(Failing(b"fLaC"))
