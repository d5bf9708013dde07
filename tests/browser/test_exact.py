"""What sounds is what was published: every sample of it, in its place."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.rig.ear import FADE, Ear, Recording, Tab, crossfade, published
from tests.rig.parts import eventually
from tests.rig.radio import Radio
from tests.rig.web_bucket import WebBucket

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Station
    from tests.rig.firefox import FirefoxTab

Span = dict[str, Any]
HQ_SEGMENTS = 6
LQ_ERROR = 1e-4
"""Decoders of Opus differ by roundings."""


def listen(ear: Ear[Tab], radio: Radio) -> None:
    """Records a start in LQ, HQ with joins, a switch to LQ and back, and a gap, until what follows it has sounded."""
    ear.ask("p.quality = 'hq'")
    ear.tap_and_record()
    ear.until(f"ear.segments('hq') >= {HQ_SEGMENTS - 2}", 40)
    ear.ask("p.quality = 'lq'")
    ear.until("ear.segments('lq') >= 3", 30)
    ear.ask("p.quality = 'hq'")
    ear.until("ear.events.findLast((e) => e.type === 'segment').quality === 'hq'", 30)
    before = radio.status()["capture"]["restarts"]
    radio.kill_capture()
    eventually(lambda: radio.status()["capture"]["restarts"] > before, 10, "capture is back")
    ear.until("ear.events.some((e) => e.gap > 0)", 30)
    end = ear.spans()[-1]["frame"] + ear.spans()[-1]["frames"]
    ear.until(f"ear.blocks.at(-1)[0] > {end}", 30)


def difference(bucket: WebBucket, recording: Recording, span: Span, *, fades_in: bool, fades_out: bool) -> float:
    """Largest difference between a span as recorded and as published, outside the crossfades."""
    before, after = (FADE if fades else 0 for fades in (fades_in, fades_out))
    heard = recording.at(span["frame"] + before, span["frames"] - before - after)
    true = published(bucket, span)[before : span["frames"] - after]
    true = true[len(true) - len(heard) :]  # the recorder begins a moment after the first sample
    assert len(heard) > 0
    assert not np.isnan(heard).any(), "the browser left blocks out"
    return float(np.abs(heard - true).max())


def is_as_published(bucket: WebBucket, recording: Recording, spans: list[Span]) -> None:
    """Every span sounds as it was published, bit for bit in HQ, and nothing is lost or repeated between them."""
    switched = []
    for earlier, later in pairwise(spans):
        assert later["frame"] == earlier["frame"] + earlier["frames"] + later["gap"], "lost or repeated at a join"
        switched.append(later["quality"] != earlier["quality"])
    assert sum(switched) == 3
    for span, begins, ends in zip(spans, [False, *switched], [*switched, False], strict=True):
        # The fade lies in HQ: at its end when LQ follows, at its beginning when it follows LQ.
        hq = span["quality"] == "hq"
        worst = difference(bucket, recording, span, fades_in=begins and hq, fades_out=ends and hq)
        assert worst <= (0 if hq else LQ_ERROR), span


def fades_as_it_should(bucket: WebBucket, recording: Recording, spans: list[Span]) -> None:
    """Every switch is the blend of what HQ and LQ are there; to HQ, if the player had the time to ask for LQ's head."""
    for earlier, later in pairwise(spans):
        if earlier["quality"] == later["quality"]:
            continue
        to_hq = later["quality"] == "hq"
        if to_hq and bucket.entries[later["index"]]["lq"]["key"] not in bucket.objects:
            continue  # that it asks when there is time is proven in simulated time
        heard = recording.at(later["frame"] - (0 if to_hq else FADE), FADE)
        assert np.abs(heard - crossfade(bucket, earlier, later)).max() <= LQ_ERROR, (earlier, later)


def plays_exactly(ear: Ear[Tab], radio: Radio, bucket: WebBucket) -> None:
    """The whole promise, in whatever browser."""
    ear.open(bucket)
    listen(ear, radio)
    recording = ear.recording()
    spans = [span for span in ear.spans() if recording.first < span["frame"] + span["frames"] <= recording.end]
    is_as_published(bucket, recording, spans)
    fades_as_it_should(bucket, recording, spans)
    assert len({span["index"] for span in spans if span["quality"] == "hq"}) >= HQ_SEGMENTS
    gapped = next(span for span in spans if span["gap"])
    assert gapped["gap"] == bucket.entries[gapped["index"]]["gap"]
    silence = recording.at(gapped["frame"] - gapped["gap"], gapped["gap"])
    assert len(silence) == gapped["gap"]
    assert not silence.any()
    assert not [event for event in ear.events if event["type"] in ("underrun", "skip")]
    assert not bucket.not_named
    assert bucket.count("ogg-opus-decoder.min.js") == 0, "the browser decodes what is published by itself"


@pytest.mark.timeout(120)
def test_chromium_plays_every_sample_as_it_was_published(station: Station, ear: Ear[Page]) -> None:
    """Joined HQ segments are bit-exact, switches are aligned to the sample and crossfaded, a gap is silence."""
    plays_exactly(ear, *station(2))


@pytest.mark.timeout(120)
def test_firefox_plays_every_sample_as_it_was_published(station: Station, firefox_ear: Ear[FirefoxTab]) -> None:
    """What holds in Chromium holds in Firefox."""
    plays_exactly(firefox_ear, *station(2))
