"""Writes the reference pages, and the function in ARCHITECTURE.md, from the code: `make reference`.

A test fails while a page is stale.
One module per page; its `page` gives the text from the tables that the software itself uses.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tools.reference import api, cli, errors, events, metrics, settings, versions

FOLDER: Final = Path(__file__).parents[2] / "docs" / "reference"
PAGES: Final[dict[str, Callable[[], str]]] = {
    "api.md": api.page,
    "errors.md": errors.page,
    "settings.md": settings.page,
    "cli.md": cli.page,
    "versions.md": versions.page,
    "metrics.md": metrics.page,
    "events.md": events.page,
}
