"""Puts Markdown together: what all pages have in common."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

NOTE: Final = "<!-- Written by tools/reference; a test compares. `make reference` writes it anew. -->"


def prose(*lines: str) -> str:
    """Give a paragraph, written as lines that fit the code."""
    return " ".join(lines)


def assembled(parts: Iterable[str]) -> str:
    """Give a page, of which some parts may be empty."""
    return "\n\n".join(part for part in parts if part) + "\n"


def table(columns: list[str], rows: Iterable[list[str]]) -> str:
    """Give a table."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def json_block(value: object) -> str:
    """Give a value as a block of JSON."""
    return f"```json\n{json.dumps(value, indent=2)}\n```"


def first_paragraph(thing: type) -> str:
    """Give what a class says of itself first, in one line."""
    return " ".join((thing.__doc__ or "").split("\n\n")[0].split())
