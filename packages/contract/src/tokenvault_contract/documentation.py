"""The address of the documentation, and of the entry of each error on its page."""

from __future__ import annotations

from typing import Final

DOCUMENTATION: Final = "https://tokenvault.example/docs"
"""Where `docs/` is published, as in `[project.urls]`. `make release-check` rejects this placeholder in a release."""


def page(name: str, section: str = "") -> str:
    """Return the address of a page of `docs/`, such as `reference/errors`, and of a section of it."""
    return f"{DOCUMENTATION}/{name}.html{'#' if section else ''}{section}"


def error_section(status: int, code: str) -> str:
    """Return the name of the section that describes an error."""
    return f"{status}-{code}"
