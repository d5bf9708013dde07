"""Checks that a tag, the version and the changelog agree, and prints the changelog's section for the release.

``python3 tools/release_notes.py v1.2.3`` needs nothing but Python; exit code 1 and one line on stderr when they do not.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class DisagreementError(Exception):
    """What is not as the tag says."""


def version(source: str) -> str:
    """The version that the package's own file names."""
    found = re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)
    if found is None:
        raise DisagreementError("supervisor/__init__.py names no version")
    return found[1]


def section(changelog: str, wanted: str) -> str:
    """What the changelog says of version ``wanted``: all below ``## wanted - YYYY-MM-DD``, up to the next version."""
    head = re.search(rf"^## \[?{re.escape(wanted)}\]? - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE)
    if head is None:
        raise DisagreementError(f"CHANGELOG.md has no line '## {wanted} - YYYY-MM-DD'")
    text = re.split(r"^## ", changelog[head.end() :], maxsplit=1, flags=re.MULTILINE)[0].strip()
    if not text:
        raise DisagreementError(f"CHANGELOG.md says nothing of {wanted}")
    return text


def notes(tag: str, source: str, changelog: str) -> str:
    """The section for ``tag``.

    Raises:
        DisagreementError: the tag is not the version's, or the changelog has no such section.
    """
    named = version(source)
    if tag != f"v{named}":
        raise DisagreementError(f"the tag {tag} is not v{named}, the version of supervisor/__init__.py")
    return section(changelog, named)


def main() -> int:
    """Prints the section for the tag that is given."""
    source = (ROOT / "supervisor" / "__init__.py").read_text(encoding="utf-8")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    try:
        sys.stdout.write(notes(sys.argv[1], source, changelog) + "\n")
    except DisagreementError as error:
        sys.stderr.write(f"release: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
