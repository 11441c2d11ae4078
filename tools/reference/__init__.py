"""Write the reference pages, and the function in ARCHITECTURE.md, from the code: `make reference`.

Each page has a module. Its `page` returns the text, made from the tables that the software itself uses. A test fails if
a page is not up to date.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tools.reference import (
    api,
    cli,
    emulator_control,
    errors,
    events,
    logs,
    magic_values,
    metrics,
    openapi,
    settings,
    versions,
)

FOLDER: Final = Path(__file__).parents[2] / "docs" / "reference"
PAGES: Final[dict[str, Callable[[], str]]] = {
    "api.md": api.page,
    "openapi.json": openapi.page,
    "errors.md": errors.page,
    "settings.md": settings.page,
    "cli.md": cli.page,
    "versions.md": versions.page,
    "metrics.md": metrics.page,
    "events.md": events.page,
    "logs.md": logs.page,
    "emulator-control.md": emulator_control.page,
    "emulator-control.openapi.json": emulator_control.openapi,
    "magic-values.md": magic_values.page,
}
