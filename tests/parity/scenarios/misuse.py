"""Invalid calls."""

from __future__ import annotations

from typing import Any

from tests.parity.scenarios.catalogue import FETCH, each, scenario
from tests.parity.scenarios.requests import received
from tests.parity.styles import Sdk


@scenario("an unknown keyword")
def unknown_keyword(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "echo", "i1", colour="blue")


@scenario("too many arguments")
def too_many(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "echo", "i1", "r1", "k1", "more")


@scenario("an argument twice")
def twice(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "echo", "i1", customer_id="c")


@each("an id that is {}", [5, None, b"echo"])
def id_of_another_type(sdk: Sdk, value: Any) -> Any:
    return sdk.scripted(FETCH, "echo", value)


@scenario("a key that is a number")
def key_is_number(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "echo", "i1", x_idempotency_key=5)


@scenario("a missing id")
def missing_id(sdk: Sdk) -> Any:
    return received(sdk.scripted(FETCH, "echo"))["target"]


@each("an id '{}'", ["", "..", "{instrument_id}"])
def invalid_id(sdk: Sdk, value: str) -> Any:
    return received(sdk.scripted(FETCH, "echo", value))["target"]


@scenario("a line break in a header")
def line_break(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "echo", "i1", x_request_id="a\r\nx-evil: b")
