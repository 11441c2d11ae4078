"""The page of logs, made from the JSON Schema that every line of a running server is checked against."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from tools.reference.markdown import NOTE, assembled, prose, table

SCHEMA: Final = Path(__file__).parents[2] / "docs" / "reference" / "log-line.schema.json"


def page() -> str:
    """Return the page of logs."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    fields: dict[str, dict[str, Any]] = schema["properties"]
    required: list[str] = schema["required"]
    rows = [
        [f"`{name}`", _type(field), "yes" if name in required else "", field["description"]]
        for name, field in fields.items()
    ]
    names = [[f"`{name}`", f"`{field['x-ecs']}`", f"`{field['x-otel']}`"] for name, field in fields.items()]
    parts = [
        "# Logs",
        NOTE,
        prose(
            "`serve` and the emulator write one JSON object on each line of standard error, whoever wrote it: our",
            "code, a library, or a worker process. [The JSON Schema](log-line.schema.json) says what a line is. An",
            "emulator without `--quiet` adds a plain line for each call.",
        ),
        prose(
            "At the level `info` there is a line for each call; `access_log = false` turns these off. Of warnings and",
            "errors that are equal but for `request_id`, `task`, `origin` and the ids of the trace, each process",
            "writes three in ten seconds, then one line with `repeats`.",
        ),
        "## Fields",
        "A field without a value is left out.",
        table(["field", "type", "always", "meaning"], rows),
        "## Other vocabularies",
        prose(
            "What the fields are called in the Elastic Common Schema and in OpenTelemetry's log data model, for the",
            "configuration of a shipper. OpenTelemetry's `tokenvault.` names are attributes.",
        ),
        table(["field", "ECS", "OpenTelemetry"], names),
    ]
    return assembled(parts)


def _type(field: dict[str, Any]) -> str:
    if "enum" in field:
        return ", ".join(f"`{each}`" for each in field["enum"])
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    return " or ".join("list of strings" if kind == "array" else kind for kind in kinds)
