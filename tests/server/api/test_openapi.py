"""The OpenAPI document of each version describes the bodies of that version, as they were recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from tests.repository import tree
from tokenvault_contract import headers
from tokenvault_contract.openapi import openapi_document
from tokenvault_contract.versions import LATEST, SUPPORTED, ApiVersion
from tokenvault_server.api.openapi import document

GOLDEN = tree.ROOT / "tests/golden"
BODIES = [*sorted(GOLDEN.glob("20*/fetch_*.json")), *sorted(GOLDEN.glob("20*/not_found.json"))]
SCHEMAS = {"fetch_cryptogram": "CryptogramEntity", "not_found": "ErrorBody"}


def closed(version: str) -> dict[str, Any]:
    """Return the schemas of a version, which accept no field that they do not name."""
    schemas = document(ApiVersion(version))["components"]["schemas"]
    for schema in schemas.values():
        schema["additionalProperties"] = False
    return {"components": {"schemas": schemas}}


@pytest.mark.parametrize("path", BODIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_recorded_body_has_the_fields_of_its_version_and_no_others(path: Path) -> None:
    body = json.loads(path.read_text())
    name = SCHEMAS.get(path.stem, "InstrumentEntity")
    schema = closed(path.parent.name) | {"$ref": f"#/components/schemas/{name}"}
    for each in body if isinstance(body, list) else [body]:
        jsonschema_rs.validate(schema, each)


@pytest.mark.parametrize("version", SUPPORTED)
def test_a_document_is_of_one_version(version: ApiVersion) -> None:
    described = document(version)
    assert described["info"]["version"] == version
    assert described["components"]["parameters"][headers.API_VERSION]["schema"]["enum"] == [version]


def test_the_newest_document_is_that_of_the_contract() -> None:
    newest, contract = document(), openapi_document()
    assert newest["paths"] == contract["paths"]
    assert newest["components"]["schemas"] == contract["components"]["schemas"]
    assert newest["info"] == contract["info"] | {"version": LATEST}


def test_a_document_belongs_to_its_caller() -> None:
    before = json.dumps(openapi_document())
    for value in _values(openapi_document()):
        value.clear()
    assert json.dumps(openapi_document()) == before


def _values(node: Any) -> list[Any]:
    """Return every object and list of a document, the outermost last."""
    if not isinstance(node, dict | list):
        return []
    inner = node.values() if isinstance(node, dict) else node
    return [*(found for each in inner for found in _values(each)), node]
