"""Log lines as the page of logs promises them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs

from tools.reference.logs import SCHEMA

Line = dict[str, Any]

_SCHEMA = jsonschema_rs.validator_for(json.loads(SCHEMA.read_text(encoding="utf-8")))


def lines_of(log: Path) -> list[Line]:
    """Return the lines of a log; each must be as the JSON Schema says."""
    return list(_checked(log.read_text(encoding="utf-8")))


def _checked(text: str) -> Iterator[Line]:
    for line in text.splitlines():
        parsed = json.loads(line)
        problems = [f"{each.instance_path} {each.message}" for each in _SCHEMA.iter_errors(parsed)]
        assert problems == [], line
        yield parsed
