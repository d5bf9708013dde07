"""Every fault is survived, and what it cost is told to the sample."""

from __future__ import annotations

import pytest

from tests.chaos.conftest import Theatre
from tests.chaos.faults import CLOCK_FAULTS, FAULTS, Fault, perform


@pytest.mark.timeout(90)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_station_recovers(theatre: Theatre, fault: Fault) -> None:
    """After a fault the station is on air again without help, nothing is untrue, and nothing of it is left over."""
    with theatre.on_air() as stage:
        found = perform(stage, fault)
        assert not found, "\n".join(found)


@pytest.mark.timeout(90)
@pytest.mark.parametrize("fault", CLOCK_FAULTS, ids=lambda fault: fault.__name__)
def test_a_station_does_not_trust_the_wall_clock(theatre_of_time: Theatre, fault: Fault) -> None:
    """A host clock that is stepped while on air costs no segment and is taken for no stall."""
    with theatre_of_time.on_air() as stage:
        found = perform(stage, fault)
        assert not found, "\n".join(found)


@pytest.mark.timeout(90)
def test_after_all_of_it_the_station_stops(theatre: Theatre) -> None:
    """After all that, SIGTERM ends it with exit code 0, no stray in the bucket, all archived, all told."""
    with theatre.on_air() as stage:
        assert stage.stop() == []
        assert stage.violations_at_rest() == []
        assert stage.missing_in_ledger() == []
