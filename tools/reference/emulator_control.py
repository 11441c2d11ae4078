"""The pages of the emulator's control plane: its operations, and its OpenAPI document."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from tokenvault_server.emulator.control.openapi import described
from tokenvault_server.emulator.control.operations import OPERATIONS, ControlOperation
from tokenvault_server.emulator.faults import FaultRule, Match, Then
from tokenvault_server.emulator.journal import JournalEntry
from tokenvault_server.emulator.seeds import Seed, SeedCard, SeedCustomer
from tools.reference.markdown import NOTE, assembled, first_paragraph, prose, table

_URL: Final = "http://127.0.0.1:8481/_emulator/TOKEN"
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_SHOWN: Final = (FaultRule, Match, Then, Seed, SeedCustomer, SeedCard, JournalEntry)


def page() -> str:
    """Return the page of all operations."""
    return assembled(
        [
            "# The emulator's control plane",
            NOTE,
            prose(
                "Only `tokenvault emulator` has it, below `control_url`, which it prints with `--json`. The URL holds",
                "a secret token that is new at each start without `--data`. Requests with a body are",
                "`application/json`. Requests of web pages (`origin`, `sec-fetch-site`) and of other host names are",
                "refused. [The OpenAPI document](emulator-control.openapi.json) has every field; an emulator serves it",
                "as `/openapi.json` below `control_url`. [How to steer the emulator](../how-to/steer-the-emulator.md)",
                "has examples.",
            ),
            "## Operations",
            table(["method and path", "fields", "what it does"], map(_operation, OPERATIONS)),
            prose(
                "Every failure has `code`, `message`, and mostly `allowed`, which lists what would be right: 400 for a",
                "wrong field, 404 for something that does not exist, 409 for a state that does not allow it, 403 for a",
                "web page, 415 for a body that is not JSON.",
            ),
            *(_struct(each) for each in _SHOWN),
        ]
    )


def openapi() -> str:
    """Return the OpenAPI document."""
    return json.dumps(described(_URL), indent=2) + "\n"


def _operation(operation: ControlOperation[Any, Any]) -> list[str]:
    in_path = _PLACEHOLDER.findall(operation.path)
    fields = [f"`{name}`" for name in operation.takes.__struct_fields__ if name not in in_path]
    return [f"`{operation.method} {operation.path}`", ", ".join(fields), operation.summary]


def _struct(kind: type[msgspec.Struct]) -> str:
    schema = msgspec.json.schema_components([kind])[1][kind.__name__]
    rows = [
        [f"`{name}`", _default(each), "required" if name in schema.get("required", []) else ""]
        for name, each in schema["properties"].items()
    ]
    return f"## `{kind.__name__}`\n\n{first_paragraph(kind)}\n\n" + table(["field", "default", ""], rows)


def _default(schema: dict[str, Any]) -> str:
    return f"`{json.dumps(schema['default'])}`" if "default" in schema else ""
