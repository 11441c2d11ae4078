"""Responses of every kind, from the scripted server."""

from __future__ import annotations

from typing import Any

from tests.parity.scenarios.catalogue import DELETE, FETCH, each, scenario
from tests.parity.styles import Sdk


@each("status {}", [400, 401, 403, 404, 405, 409, 418, 422, 429, 500, 502, 503, 504])
def status(sdk: Sdk, number: int) -> Any:
    return sdk.scripted(FETCH, f"status-{number}", "i1")


@each("status {}, raw", [404, 422])
def status_raw(sdk: Sdk, number: int) -> Any:
    return sdk.scripted(FETCH, f"status-{number}", "i1", _preload_content=False)


BODIES = [
    "empty",
    "null",
    "web-page",
    "half",
    "list",
    "number-as-reference",
    "list-as-reference",
    "new-status",
    "new-field",
    "no-fields",
]


@each("a body: {}", BODIES)
def body(sdk: Sdk, name: str) -> Any:
    return sdk.scripted(FETCH, name, "i1")


@scenario("a new status, deleted")
def new_status_deleted(sdk: Sdk) -> Any:
    return sdk.scripted(DELETE, "new-status", "i1").data
