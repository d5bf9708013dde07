"""What a child gets to see of the environment: nothing that is ours, secrets least of all."""

from __future__ import annotations

import os

_OURS = ("R2_", "RADIO_")


def child_environment() -> dict[str, str]:
    """This process's environment without the station's settings, however their names are written."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(_OURS)}
