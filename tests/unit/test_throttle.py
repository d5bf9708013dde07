"""A trouble of hours is a handful of lines."""

from __future__ import annotations

from supervisor.throttle import Throttle


def test_the_first_is_said_and_the_rest_counted() -> None:
    """Of a trouble that goes on, the first is said at once and then one a minute with the number in between."""
    throttle = Throttle()
    said = [(second, throttle.unsaid("store", second)) for second in range(0, 181, 5)]
    assert [(second, unsaid) for second, unsaid in said if unsaid is not None] == [
        (0, 0),
        (60, 11),
        (120, 11),
        (180, 11),
    ]


def test_what_has_ended_begins_anew() -> None:
    """The next trouble after the end of one is a first again."""
    throttle = Throttle()
    assert throttle.unsaid("store", 0.0) == 0
    assert throttle.unsaid("store", 1.0) is None
    assert throttle.over("store") == 2
    assert throttle.over("store") == 0
    assert throttle.unsaid("store", 2.0) == 0


def test_the_end_tells_how_many_there_were() -> None:
    """The total counts what was said and what was not, over all minutes and all kinds that end together."""
    throttle = Throttle()
    for second in range(300):
        throttle.unsaid("store upload", second)
        throttle.unsaid("store upload SlowDown", second)
        throttle.unsaid("store uploads", second)
    assert throttle.over("store upload") == 600
    assert throttle.over("store uploads") == 300


def test_troubles_do_not_hide_each_other() -> None:
    """Each kind is counted by itself."""
    throttle = Throttle()
    assert throttle.unsaid("store", 0.0) == 0
    assert throttle.unsaid("archive", 1.0) == 0


def test_memory_is_bounded() -> None:
    """However many different messages there are, not all of them are remembered."""
    throttle = Throttle()
    for number in range(100_000):
        throttle.unsaid(str(number), 0.0)
    assert len(throttle._kept) <= 256
