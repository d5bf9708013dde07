"""Values for tests, made by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from supervisor.segments import SealedHq, SealedLq, SealedSegment

RUN = "20261123T154530412Z"
RATE = 48_000
START = datetime(2026, 11, 23, 15, 45, 30, 412_000, UTC)


def sealed_segment(number: int, *, run: str = RUN, samples: int = 480_000) -> SealedSegment:
    """A sealed segment of a run of 10-second segments."""
    return SealedSegment(
        run=run,
        number=number,
        first_sample=number * 480_000,
        samples=samples,
        sample_rate=RATE,
        start=START + timedelta(seconds=10 * number),
        start_boottime_s=1000.0 + 10 * number,
        closed_boottime_s=1010.1 + 10 * number,
        boot_id="6a1f",
        hq=SealedHq(bytes=2_535_702, md5=f"{number:032x}"),
        lq=SealedLq(bytes=168_582, preroll=15_360 if number else 0),
    )
