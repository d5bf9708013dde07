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
WANTED = Wanted(segment_samples=480_000, sample_rate=48_000, limit_bytes=256_000_000)
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
    assert warnings(SPOOL, replace(AMPLE, bytes=256_000_000), WANTED) == []
    assert warnings(SPOOL, Room("ramfs", None), WANTED) == []


@pytest.mark.parametrize(
    ("file_system", "named"), [("ext4", "on ext4"), ("overlay", "on overlay"), ("", "unknown type")]
)
def test_a_spool_on_a_disk_is_a_warning(file_system: str, named: str) -> None:
    """A spool that is not in memory is told with its folder, the type, what that costs, and the setting."""
    (said,) = warnings(SPOOL, replace(AMPLE, file_system=file_system), WANTED)
    assert all(word in str(said) for word in (f"'{SPOOL}'", named, "flash", "wait", "RADIO_SPOOL_DIR"))


def test_less_room_than_the_limit_is_a_warning() -> None:
    """A limit that can never be reached is told with both numbers."""
    (said,) = warnings(SPOOL, Room("tmpfs", 64_000_000), WANTED)
    assert all(word in str(said) for word in (f"'{SPOOL}'", "64.0 MB", "256.0 MB", "RADIO_SPOOL_LIMIT_MB"))


@pytest.mark.parametrize(("segment_s", "least_mb"), [(1, 1.4), (10, 14.1), (30, 42.2)])
def test_too_little_room_ends_the_start(segment_s: int, least_mb: float) -> None:
    """Four segments of the least compressible audio have to fit, or it is an error that names both sizes."""
    wanted = replace(WANTED, segment_samples=segment_s * 48_000)
    assert wanted.least_bytes >= 4 * segment_s * 48_000 * 2 * 3
    assert len(warnings(SPOOL, Room("tmpfs", wanted.least_bytes), wanted)) == 1
    with pytest.raises(UserError) as refused:
        warnings(SPOOL, Room("ext4", wanted.least_bytes - 1), wanted)
    assert refused.value.exit_code is Exit.USAGE
    assert f"{segment_s} s need {least_mb} MB" in refused.value.what
    assert f"'{SPOOL}' has {least_mb} MB" in refused.value.what
    assert "RADIO_SPOOL_DIR" in refused.value.remedy
