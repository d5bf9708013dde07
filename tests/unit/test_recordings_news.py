"""Which gaps are news: each is told once, and only what this life missed counts, whatever the wall clock did."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from supervisor.recordings.coverage import Gap, gaps
from supervisor.recordings.news import GapNews
from tests.unit.timelines import BEGAN, RATE, Timeline, archives, place, recorded

BOOT = "6a1f"


def stepped(gap: Gap, seconds: float) -> Gap:
    """The gap as it would be named by a clock that is so far ahead."""
    return replace(gap, after=replace(gap.after, start=gap.after.start + timedelta(seconds=seconds)))


@given(archives(), st.data())
def test_every_gap_is_told_once(timeline: Timeline, data: st.DataObject) -> None:
    """However the gaps come up and whatever the clock says of each, none is told twice and none is kept back."""
    found = [stepped(gap, data.draw(st.sampled_from([-7200.0, 0.0, 7200.0]))) for gap in gaps(timeline.files)]
    known = data.draw(st.integers(0, len(found)))
    news = GapNews(BOOT, 0.0)
    told = [*news.untold(found[:known], BEGAN - timedelta(days=1)), *news.untold(found, BEGAN)]
    assert told == found
    assert news.untold(found, BEGAN) == []


def test_the_first_time_only_recent_gaps_are_told() -> None:
    """What ended before the time asked for was told by an earlier life, and is not told later either."""
    found = gaps([recorded(place(at_s, 0, RATE)) for at_s in (0, 100, 200)])
    news = GapNews(BOOT, 0.0)
    assert news.untold(found, BEGAN + timedelta(seconds=150)) == found[1:]
    assert news.untold(found, BEGAN) == []


def test_only_what_went_missing_in_this_life_is_new() -> None:
    """The gap that a start ended is no news, nor one of another boot, however far off the wall clock was."""
    files = [recorded(place(at_s, 0, 10 * RATE)) for at_s in (0, 100, 200)]
    for ahead_s in (-86_400, 0, 86_400):
        found = [stepped(gap, ahead_s) for gap in gaps(files)]
        news = GapNews(BOOT, began_boottime_s=1095.0)
        assert [news.new(found[:1]), news.new(found), news.new(found)] == [0, 1, 0]
        assert GapNews("another", 0.0).new(found) == 0
