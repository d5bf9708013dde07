"""Sources by scheme: every module here describes one (``SCHEME``, ``EXAMPLE`` and ``source``)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol, cast

from ffmpeg_profiles.profile import Input, ProfileError, Source


class SourceModule(Protocol):
    """What a module of this package offers."""

    SCHEME: str
    EXAMPLE: str

    def source(self, rest: str, wanted: Input) -> Source:
        """The source that ``<SCHEME>:<rest>`` names; raises ProfileError."""
        ...


def source_modules() -> Mapping[str, SourceModule]:
    """All sources by their scheme."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    return {module.SCHEME: cast("SourceModule", module) for module in modules}


def parse_source(spec: str, wanted: Input | None = None) -> Source:
    """The source named by ``spec``, for example ``alsa:hw:CARD=UMC404HD``.

    Raises:
        ProfileError: the scheme is unknown or what follows it is not usable.
    """
    modules = source_modules()
    scheme, colon, rest = spec.partition(":")
    if not colon or scheme not in modules:
        allowed = ", ".join(module.EXAMPLE for _, module in sorted(modules.items()))
        raise ProfileError(f"'{spec}' is not a source; allowed: {allowed}")
    return modules[scheme].source(rest, wanted or Input())
