"""The control plane as OpenAPI 3.1, made from the table of operations and its structs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from tokenvault_server import __version__
from tokenvault_server.emulator.control.bodies import Problem
from tokenvault_server.emulator.control.operations import OPERATIONS, ControlOperation

_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_REF: Final = "#/components/schemas/{name}"
_NAME: Final = re.compile(r"#/components/schemas/(\w+)")
_FAILURES: Final = {
    "400": "A field is missing or wrong.",
    "404": "There is no such path, card, rule, call or webhook.",
    "409": "The state of the emulator does not allow it.",
}


def described(url: str) -> dict[str, Any]:
    """Return the document of an emulator whose control URL this is."""
    types = [each for operation in OPERATIONS for each in (operation.takes, operation.returns)]
    schemas, components = msgspec.json.schema_components([*types, Problem], ref_template=_REF)
    paths: dict[str, Any] = {}
    for index, operation in enumerate(OPERATIONS):
        takes, returns = schemas[2 * index], schemas[2 * index + 1]
        described_operation = _operation(operation, takes, returns, schemas[-1], components)
        paths.setdefault(operation.path, {})[operation.method.lower()] = described_operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tokenvault emulator control plane",
            "version": __version__,
            "description": "Steers one emulator. The URL holds a secret token: treat it like a password.",
        },
        "servers": [{"url": url}],
        "paths": paths,
        "components": {"schemas": _used(paths, components)},
    }


def _used(paths: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas that the paths refer to, and those that these refer to: many are in the paths themselves."""
    used: set[str] = set()
    waiting = set(_NAME.findall(str(paths)))
    while waiting:
        name = waiting.pop()
        used.add(name)
        waiting |= set(_NAME.findall(str(components[name]))) - used
    return {name: components[name] for name in sorted(used)}


def document(url: str) -> bytes:
    """Return the document as JSON."""
    return msgspec.json.encode(described(url))


def _operation(
    operation: ControlOperation[Any, Any],
    takes: dict[str, Any],
    returns: dict[str, Any],
    problem: dict[str, Any],
    components: dict[str, Any],
) -> dict[str, Any]:
    in_path = _PLACEHOLDER.findall(operation.path)
    described_operation: dict[str, Any] = {"operationId": operation.key, "summary": operation.summary}
    schema = _resolved(takes, components)
    if parameters := list(_parameters(operation, schema, in_path)):
        described_operation["parameters"] = parameters
    if operation.method in {"POST", "PUT"}:
        body = _without(schema, in_path) if in_path else takes
        described_operation["requestBody"] = {"content": {"application/json": {"schema": body}}}
    ok = {"description": "Done.", "content": {"application/json": {"schema": returns}}}
    failures = {
        status: {"description": text, "content": {"application/json": {"schema": problem}}}
        for status, text in _FAILURES.items()
    }
    return described_operation | {"responses": {"200": ok, **failures}}


def _parameters(
    operation: ControlOperation[Any, Any], schema: dict[str, Any], in_path: list[str]
) -> Iterator[dict[str, Any]]:
    for name, each in schema.get("properties", {}).items():
        if name in in_path:
            yield {"name": name, "in": "path", "required": True, "schema": each}
        elif operation.method in {"GET", "DELETE"}:
            yield {"name": name, "in": "query", "required": name in schema.get("required", []), "schema": each}


def _resolved(schema: dict[str, Any], components: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref", "")
    resolved: dict[str, Any] = components[reference.rpartition("/")[2]] if reference else schema
    return resolved


def _without(schema: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Return an object's schema without some of its fields."""
    left = {name: each for name, each in schema.get("properties", {}).items() if name not in names}
    required = [name for name in schema.get("required", []) if name not in names]
    return {**schema, "properties": left, "required": required}
