"""What a station needs and costs: line, bucket, disk, requests and R2's prices, from its settings and its listeners."""

from __future__ import annotations

import math
from dataclasses import dataclass

from supervisor.listener import LOOK_EVERY_S
from supervisor.requests import PER_SEGMENT, R2_CLASS_A_FREE

PRICES_OF = "November 2026"
"""When Cloudflare's list for R2's standard storage was read: https://developers.cloudflare.com/r2/pricing/."""

_CLASS_A_USD, _CLASS_B_USD = 4.50, 0.36
"""For each million or part of one beyond what is free."""
_CLASS_B_FREE = 10_000_000

_CHANNELS, _BITS = 2, 24
_DAY_S = 86_400
_DAYS = 30
"""R2's month."""

_ASKED_PER_SEGMENT = 2
"""By a listener: the manifest when the next segment is due, and the segment."""
_ASKED_PER_LOOK = 3
"""By the listener's eye: the manifest and both qualities."""


@dataclass(frozen=True)
class Assumptions:
    """A station, and ``listeners`` at once for ``hours_a_day``."""

    segment_s: int
    window: int
    hq_mbit_s: float
    lq_mbit_s: float
    listeners: int = 10
    hours_a_day: float = 24.0


@dataclass(frozen=True)
class Estimate:
    """What it comes to; a month has 30 days, MB and GB are decimal."""

    upload_mbit_s: float
    bucket_mb: float
    recordings_gb_day: float
    recordings_gb_month: float
    class_a_month: int
    class_a_usd: float
    class_b_listener_month: int
    class_b_month: int
    class_b_usd: float
    class_b_cached_month: int
    class_b_cached_usd: float
    free_listeners: int
    egress_gb_month: float
    usd_month: float


def pcm_mbit_s(sample_rate: int) -> float:
    """What lossless audio comes to when nothing in it can be compressed: 24-bit stereo."""
    return sample_rate * _CHANNELS * _BITS / 1e6


def billed_usd(requests: int, free: int, usd_per_million: float) -> float:
    """R2's price of ``requests`` in a month, of which some are free: every million that is begun is billed."""
    return round(math.ceil(max(0, requests - free) / 1_000_000) * usd_per_million, 2)


def estimate(a: Assumptions) -> Estimate:
    """The estimate for what is assumed; docs/reference/costs.md has the formulas in words."""
    rate_mbit_s = a.hq_mbit_s + a.lq_mbit_s
    segments = _DAYS * _DAY_S / a.segment_s
    heard = segments * a.hours_a_day / 24
    class_a = round(PER_SEGMENT * segments)
    eye = round(_ASKED_PER_LOOK * _DAYS * _DAY_S / LOOK_EVERY_S)
    one = round(_ASKED_PER_SEGMENT * heard)
    class_b = a.listeners * one + eye
    # the manifest is asked for anew each time; of each segment either quality is fetched once for all
    cached = round(a.listeners * heard + 2 * segments) + eye
    class_a_usd = billed_usd(class_a, R2_CLASS_A_FREE, _CLASS_A_USD)
    class_b_usd = billed_usd(class_b, _CLASS_B_FREE, _CLASS_B_USD)
    recordings_gb_day = a.hq_mbit_s * _DAY_S / 8 / 1000
    return Estimate(
        upload_mbit_s=round(rate_mbit_s, 3),
        bucket_mb=round((a.window + 1) * a.segment_s * rate_mbit_s / 8, 3),
        recordings_gb_day=round(recordings_gb_day, 3),
        recordings_gb_month=round(recordings_gb_day * _DAYS, 3),
        class_a_month=class_a,
        class_a_usd=class_a_usd,
        class_b_listener_month=one,
        class_b_month=class_b,
        class_b_usd=class_b_usd,
        class_b_cached_month=cached,
        class_b_cached_usd=billed_usd(cached, _CLASS_B_FREE, _CLASS_B_USD),
        free_listeners=(_CLASS_B_FREE - eye) // one if one else 0,
        egress_gb_month=round(a.listeners * a.hours_a_day * 3600 * _DAYS * a.hq_mbit_s / 8 / 1000, 3),
        usd_month=class_a_usd + class_b_usd,
    )
