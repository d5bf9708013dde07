"""Times as they stand in names and documents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.clock import SystemClock, boot_id, compact_ms, iso_ms, utc


@pytest.mark.parametrize(
    ("wall_s", "told"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_795_448_730.412, "2026-11-23T15:45:30.412Z"),
        (1_795_448_730.4124, "2026-11-23T15:45:30.412Z"),
        (1_795_448_730.9996, "2026-11-23T15:45:31.000Z"),
    ],
)
def test_an_instant_is_told_in_utc_to_the_millisecond(wall_s: float, told: str) -> None:
    """Seconds of the wall clock are rounded to the nearest millisecond and written with three digits."""
    assert iso_ms(utc(wall_s)) == told


def test_the_compact_form_is_fit_for_file_names() -> None:
    """The form for names has no character that a file system or a shell could mind."""
    assert compact_ms(utc(1_795_448_730.412)) == "20261123T154530.412Z"


@given(wall_s=st.floats(0, 4e9))
def test_an_instant_is_read_back(wall_s: float) -> None:
    """What is written is within half a millisecond of what was meant, and reading it back changes nothing."""
    instant = utc(wall_s)
    assert abs(instant.timestamp() - wall_s) <= 0.000_501
    assert datetime.fromisoformat(iso_ms(instant)) == instant


instants = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - see timezones


@given(instant=instants, hours=st.integers(-12, 14))
def test_the_zone_does_not_matter(instant: datetime, hours: int) -> None:
    """The same instant is told the same wherever it was taken."""
    assert iso_ms(instant.astimezone(timezone(timedelta(hours=hours)))) == iso_ms(instant)


def test_clocks_run_forward() -> None:
    """Monotonic and boot clock never go back, and the boot clock is never behind the monotonic one."""
    clock = SystemClock()
    first, second = [(clock.monotonic_s(), clock.boottime_s()) for _ in range(2)]
    assert first[0] <= second[0]
    assert first[1] <= second[1]
    assert second[1] >= first[0]
    assert abs(clock.wall_s() - datetime.now(UTC).timestamp()) < 5


def test_a_boot_has_a_name() -> None:
    """The name of this boot is the same whenever it is asked."""
    assert boot_id() == boot_id() != ""
