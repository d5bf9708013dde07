"""Renditions by name: every module here describes one (``RENDITION``)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules

from ffmpeg_profiles.profile import Rendition


def renditions() -> Mapping[str, Rendition]:
    """All renditions by their name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    return {module.RENDITION.name: module.RENDITION for module in modules}
