"""Files are whole or not there."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor.files import make_folders, mapped, sync_folder, write_pieces, write_whole


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("content", [b"", b"hello", bytes(3_000_000)], ids=len)
def test_a_file_is_written(tmp_path: Path, content: bytes, *, durable: bool) -> None:
    """The file has the content, and nothing else is in the folder."""
    write_whole(tmp_path / "file", content, durable=durable)
    assert (tmp_path / "file").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced(tmp_path: Path, *, durable: bool) -> None:
    """What was there before is gone, however much longer it was."""
    write_whole(tmp_path / "file", bytes(1000), durable=durable)
    write_whole(tmp_path / "file", b"new", durable=durable)
    assert (tmp_path / "file").read_bytes() == b"new"


def test_pieces_make_one_file(tmp_path: Path) -> None:
    """A file that comes in pieces is there when the last has come, and not at all when one fails."""

    def failing() -> Iterator[bytes]:
        yield b"hel"
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - our own
        write_pieces(tmp_path / "file", failing())
    assert list(tmp_path.iterdir()) == []
    write_pieces(tmp_path / "file", (b"hel", b"", memoryview(b"lo")), durable=True)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"hello")]


def test_a_mapped_file_is_its_content(tmp_path: Path) -> None:
    """What is mapped is what is in the file until the block ends, also when its name is gone; then nothing is left."""
    content = os.urandom(1_000_001)
    (tmp_path / "file").write_bytes(content)
    before = _open_descriptors()
    with mapped(tmp_path / "file") as view:
        (tmp_path / "file").unlink()
        assert bytes(view) == content
        assert _maps(tmp_path / "file") == 1
    assert _maps(tmp_path / "file") == 0
    assert _open_descriptors() == before


def test_an_empty_file_is_mapped_too(tmp_path: Path) -> None:
    """Of nothing there is nothing."""
    (tmp_path / "file").touch()
    with mapped(tmp_path / "file") as view:
        assert bytes(view) == b""


def _maps(path: Path) -> int:
    return Path("/proc/self/maps").read_text(encoding="utf-8").count(str(path))


def _open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, int]]:
    """Everything that is synced, with its size at that moment."""
    found: list[tuple[Path, int]] = []
    sync = os.fsync

    def note(descriptor: int) -> None:
        found.append((Path(f"/proc/self/fd/{descriptor}").readlink(), os.fstat(descriptor).st_size))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    return found


def test_what_is_to_last_is_synced(tmp_path: Path, synced: list[tuple[Path, int]]) -> None:
    """Before the file gets its name all of it is on the disk, and then the name is."""
    write_whole(tmp_path / "file", b"hello", durable=True)
    (file, size), (folder, _) = synced
    assert (file.parent, size) == (tmp_path, 5)
    assert file != tmp_path / "file"
    assert folder == tmp_path


def test_what_need_not_last_is_not_synced(tmp_path: Path, synced: list[tuple[Path, int]]) -> None:
    """A file on tmpfs costs no wait for a disk, unless it is asked for."""
    write_whole(tmp_path / "file", b"hello")
    assert synced == []


def test_new_folders_are_synced(tmp_path: Path, synced: list[tuple[Path, int]]) -> None:
    """Each new folder's name is on the disk; those that were there before cost nothing."""
    make_folders(tmp_path / "2026/11")
    assert {path for path, _ in synced} == {tmp_path, tmp_path / "2026"}
    synced.clear()
    make_folders(tmp_path / "2026/11/23")
    assert [path for path, _ in synced] == [tmp_path / "2026/11"]
    synced.clear()
    make_folders(tmp_path / "2026/11/23")
    assert synced == []


def test_no_descriptor_is_kept(tmp_path: Path) -> None:
    """A program that runs for months gives back every descriptor that it opens."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(20):
        write_whole(tmp_path / str(number), b"hello", durable=True)
        make_folders(tmp_path / f"folder-{number}/inside")
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 2


def test_others_may_read_it(tmp_path: Path) -> None:
    """A web server under another name may read what is written."""
    write_whole(tmp_path / "file", b"hello")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644


def test_a_reader_sees_the_old_or_the_new(tmp_path: Path) -> None:
    """While a file is replaced again and again, whoever reads it gets one whole version each time."""
    path = tmp_path / "file"
    versions = [bytes([number]) * 300_000 for number in range(50)]
    write_whole(path, versions[0])
    writer = threading.Thread(target=lambda: [write_whole(path, version) for version in versions])  # type: ignore[func-returns-value]
    writer.start()
    seen = set()
    while writer.is_alive():
        content = path.read_bytes()
        assert len(content) == 300_000
        seen.add(content[0])
        assert content == versions[content[0]]
    writer.join()
    assert path.read_bytes() == versions[-1]
    assert seen


def test_a_failure_leaves_the_old_and_nothing_else(tmp_path: Path) -> None:
    """When the last step fails, what was there stays, and no half-written file is left to fill the disk."""
    (tmp_path / "file").mkdir()
    (tmp_path / "file/inside").write_bytes(b"old")
    with pytest.raises(OSError, match="file"):
        write_whole(tmp_path / "file", b"new")
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == ["file", "file/inside"]


def test_a_full_disk_leaves_the_old_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the content cannot be written, what was there stays whole."""
    write_whole(tmp_path / "file", b"old")
    monkeypatch.setattr("os.fsync", _no_space)
    with pytest.raises(OSError, match="No space left on device"):
        write_whole(tmp_path / "file", b"new", durable=True)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("file", b"old")]


def _no_space(_: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """Nothing is written beside a folder that is missing."""
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "missing/file", b"hello")
    assert list(tmp_path.iterdir()) == []


def test_folders_are_made_with_their_parents(tmp_path: Path) -> None:
    """All missing folders are made, and making them again is no error."""
    make_folders(tmp_path / "2026/11/23")
    make_folders(tmp_path / "2026/11/23")
    assert (tmp_path / "2026/11/23").is_dir()


def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    """Where a file is, no folder can be."""
    (tmp_path / "2026").write_bytes(b"")
    with pytest.raises(OSError, match="2026"):
        make_folders(tmp_path / "2026/11/23")


def test_only_folders_can_be_synced(tmp_path: Path) -> None:
    """Syncing names is done to folders."""
    sync_folder(tmp_path)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "file")
