"""The spool's folder: what it is on, and whether that has room for a station's work."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from supervisor.errors import Exit, UserError
from supervisor.room import Room, Wanted, file_system_type, room_in, warnings

# of a container: an overlay as root, tmpfs beside it, a disk whose mount point has spaces and a hyphen
MOUNTS = r"""691 503 0:58 / / rw,relatime master:199 - overlay overlay rw,lowerdir=/a - b,upperdir=/c
694 691 0:61 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
699 691 0:64 / /dev/shm rw,nosuid,nodev,noexec,relatime - tmpfs shm rw,size=65536k,inode64
702 691 254:1 /srv /mnt/a\040-\040b rw,relatime shared:7 master:1 - ext4 /dev/vda1 rw,errors=remount-ro
703 691 0:6 / /staging rw - ramfs ram rw
"""
SPOOL = Path("/staging")
WANTED = Wanted(segment_samples=480_000, sample_rate=48_000, window=3, limit_bytes=256_000_000)
AMPLE = Room("tmpfs", 300_000_000)


@pytest.mark.parametrize(
    ("device", "expected"),
    [((0, 58), "overlay"), ((0, 64), "tmpfs"), ((254, 1), "ext4"), ((0, 6), "ramfs"), ((0, 5), ""), ((25, 41), "")],
)
def test_a_file_system_s_type_is_found_by_its_device(device: tuple[int, int], expected: str) -> None:
    """Whatever mount points and options look like, the type is that of the device with exactly that number."""
    assert file_system_type(MOUNTS, *device) == expected


def test_the_kernel_is_asked(tmp_path: Path) -> None:
    """A folder on tmpfs is known as such, with the room that df tells plus what is in use there."""
    assert room_in(Path("/dev/shm"), 0).file_system == "tmpfs"  # noqa: S108 - where tmpfs always is
    told = subprocess.run(["df", "--output=avail", "-B1", tmp_path], capture_output=True, text=True, check=True)
    room = room_in(tmp_path, 10**15)
    assert room.bytes is not None
    assert abs(room.bytes - 10**15 - int(told.stdout.split()[1])) < 100_000_000
    assert room.file_system == file_system_type(
        Path("/proc/self/mountinfo").read_text(encoding="utf-8"),
        os.major(tmp_path.stat().st_dev),
        os.minor(tmp_path.stat().st_dev),
    )


def test_a_good_spool_is_not_talked_about() -> None:
    """In memory and with as much room as the limit, or with none to its room, nothing is said."""
    assert warnings(SPOOL, AMPLE, WANTED) == []
    assert warnings(SPOOL, replace(AMPLE, bytes=256_000_000 + 4 * WANTED.segment_bytes), WANTED) == []
    assert warnings(SPOOL, Room("ramfs", None), WANTED) == []


@pytest.mark.parametrize(
    ("file_system", "named"), [("ext4", "on ext4"), ("overlay", "on overlay"), ("", "unknown type")]
)
def test_a_spool_on_a_disk_is_a_warning(file_system: str, named: str) -> None:
    """A spool that is not in memory is told with its folder, the type, what that costs, and the setting."""
    (said,) = warnings(SPOOL, replace(AMPLE, file_system=file_system), WANTED)
    assert all(word in str(said) for word in (f"'{SPOOL}'", named, "flash", "wait", "RADIO_SPOOL_DIR"))


def test_less_room_than_the_limit_is_a_warning() -> None:
    """A limit that the file system has no room for is told with both, and with what is the limit instead."""
    (said,) = warnings(SPOOL, Room("tmpfs", 64_000_000), WANTED)
    assert all(word in str(said) for word in (f"'{SPOOL}'", "64.0 MB", "256.0 MB", "RADIO_SPOOL_LIMIT_MB: 49.9 MB"))


@pytest.mark.parametrize(
    ("segment_s", "window", "least_mb"), [(1, 3, 2.5), (10, 3, 24.6), (30, 3, 73.9), (10, 100, 365.8)]
)
def test_too_little_room_ends_the_start(segment_s: int, window: int, least_mb: float) -> None:
    """A window and four segments more, of audio that cannot be compressed, have to fit: else both sizes are told."""
    wanted = replace(WANTED, segment_samples=segment_s * 48_000, window=window, limit_bytes=10**9)
    assert wanted.least_bytes >= (4 + window) * segment_s * 48_000 * 2 * 3
    assert len(warnings(SPOOL, Room("tmpfs", wanted.least_bytes), wanted)) == 1
    with pytest.raises(UserError) as refused:
        warnings(SPOOL, Room("ext4", wanted.least_bytes - 1), wanted)
    assert refused.value.exit_code is Exit.USAGE
    assert f"{segment_s} s and a window of {window} (RADIO_WINDOW) need {least_mb} MB" in refused.value.what
    assert f"'{SPOOL}' has {least_mb} MB" in refused.value.what
    assert "RADIO_SPOOL_DIR" in refused.value.remedy


@pytest.mark.parametrize("window", [2, 3, 100])
@pytest.mark.parametrize("segment_s", [1, 10, 30])
@pytest.mark.parametrize("limit_mb", [16, 256, 4_000])
@pytest.mark.parametrize("spare", [0.0, 0.5, 1.0, 10.0])
def test_the_stream_always_has_room(window: int, segment_s: int, limit_mb: int, spare: float) -> None:
    """Wherever a start is allowed, a window waits for the store beside what is in work, whatever the archive does."""
    asked = replace(WANTED, segment_samples=segment_s * 48_000, window=window, limit_bytes=limit_mb * 1_000_000)
    room = Room("tmpfs", round(asked.least_bytes * (1 + spare)))
    assert room.bytes is not None
    assert warnings(SPOOL, room, asked) is not None
    limit_bytes = asked.limit_in(room)
    assert limit_bytes <= asked.limit_bytes
    # between two looks at the limit four segments may come
    assert limit_bytes + 4 * asked.segment_bytes <= room.bytes
    # what cannot be let go, the window, does not reach the limit by itself
    if asked.limit_bytes >= asked.least_bytes:
        assert window * asked.segment_bytes <= limit_bytes


def test_a_tmpfs_without_a_size_has_the_limit_alone() -> None:
    """Where the file system tells no size the limit is what was set."""
    assert WANTED.limit_in(Room("ramfs", None)) == 256_000_000
