"""Accessibility, as far as a program can judge it."""

from __future__ import annotations

import json

from playwright.sync_api import Page

from tests.rig.parts import ROOT

_AXE = ROOT / "radio-client/tests/node_modules/axe-core/axe.min.js"


def is_accessible(page: Page) -> None:
    """Axe finds nothing to complain about."""
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run().then(({ violations }) => violations)")
    assert not found, json.dumps(found, indent=1)
