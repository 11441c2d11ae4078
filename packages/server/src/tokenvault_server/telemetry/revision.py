"""The revision of the source that this software was built from, where it is known. git is not needed to find it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_FROM_ARCHIVE: Final = "$Format:%H$"
"""`git archive` puts the revision here (.gitattributes)."""
_FROM_BUILD: Final = Path(__file__).parents[1] / "revision.txt"
"""A build in a clone makes this file (hatch_build.py)."""


def with_revision(version: str) -> str:
    """Return the version, with the short revision if that is known."""
    found = short_revision()
    return f"{version} (revision {found})" if found else version


def short_revision() -> str:
    """Return the first twelve digits of this software's revision, or an empty string."""
    return revision(_FROM_BUILD, _FROM_ARCHIVE)[:12]


def revision(from_build: Path, from_archive: str) -> str:
    """Return the revision of a build or an archive, or an empty string."""
    try:
        return from_build.read_text(encoding="ascii").strip()
    except OSError:
        return from_archive if re.fullmatch("[0-9a-f]{40}", from_archive) else ""
