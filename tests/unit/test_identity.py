"""Who this installation is, for good."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from supervisor.errors import UserError
from supervisor.identity import writer_id


def test_an_installation_keeps_its_id(tmp_path: Path) -> None:
    """The id is made once and is the same at every later start."""
    made = writer_id(tmp_path / "recordings")
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    assert writer_id(tmp_path / "recordings") == made


def test_two_installations_have_two_ids(tmp_path: Path) -> None:
    """No two recordings folders share an id."""
    ids = {writer_id(tmp_path / str(number)) for number in range(10)}
    assert len(ids) == 10


def test_the_id_moves_with_the_recordings(tmp_path: Path) -> None:
    """Recordings that are moved to another disk are still the same station's."""
    made = writer_id(tmp_path / "old")
    (tmp_path / "old").rename(tmp_path / "new")
    assert writer_id(tmp_path / "new") == made


@pytest.mark.parametrize("content", [b"", b"\n", b"hello", b"3F9C" * 8, b"3f9c" * 7, b"3f9c" * 9, b"\xff\xfe" * 16])
def test_a_damaged_id_is_made_anew(tmp_path: Path, content: bytes) -> None:
    """A file that holds no id, as a full disk may have left it, costs the identity but not the start."""
    file = tmp_path / ".radio-supervisor/writer"
    file.parent.mkdir()
    file.write_bytes(content)
    made = writer_id(tmp_path)
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    assert writer_id(tmp_path) == made


def test_an_id_may_have_been_written_by_hand(tmp_path: Path) -> None:
    """Space around the id does no harm."""
    file = tmp_path / ".radio-supervisor/writer"
    file.parent.mkdir()
    file.write_bytes(b"  " + b"3f9c" * 8 + b"\r\n")
    assert writer_id(tmp_path) == "3f9c" * 8


def test_a_folder_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """Recordings that cannot be written are one clear error with the folder and the setting."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError) as caught:
        writer_id(tmp_path / "file/recordings")
    assert str(tmp_path / "file/recordings") in caught.value.what
    assert "RADIO_RECORDINGS_DIR" in caught.value.remedy
    assert not re.search(r"\bNone\b", str(caught.value))


def test_a_folder_in_place_of_the_id_is_told(tmp_path: Path) -> None:
    """Where the id cannot be kept the start is refused: with a new id each time it would be its own rival."""
    (tmp_path / ".radio-supervisor/writer/x").mkdir(parents=True)
    with pytest.raises(UserError, match="cannot be used"):
        writer_id(tmp_path)
    assert [path.name for path in (tmp_path / ".radio-supervisor").iterdir()] == ["writer"]
