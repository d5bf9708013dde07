"""Work that goes on beside the line: when it fails that is told, and it is begun again; the station stays on air."""

from __future__ import annotations

import logging
from collections.abc import Callable

from supervisor.events import Emit, OnlookerFailed
from supervisor.stop import Stop

AGAIN_AFTER_S = 60.0

LOG = logging.getLogger("radio")


def onlook(name: str, work: Callable[[Stop], None], emit: Emit, ended: Stop) -> None:
    """Does ``work`` until ``ended`` is requested, whatever error it ends with before."""
    while not ended.is_requested():
        try:
            work(ended)
        except Exception as error:  # whatever it is, the programme is worth more than a look at it
            LOG.debug("%s failed", name, exc_info=True)
            emit(OnlookerFailed(name, f"{type(error).__name__}: {error}"))
            ended.wait(AGAIN_AFTER_S)
        else:
            return
