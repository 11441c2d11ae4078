"""Servers that are absent, close the connection, are slow, or redirect."""

from __future__ import annotations

from typing import Any

from tests.parity.scenarios.catalogue import FETCH, scenario
from tests.parity.styles import Sdk


@scenario("a closed port")
def closed_port(sdk: Sdk) -> Any:
    return sdk.at(sdk.settings.closed_port, FETCH, "c", "i1")


@scenario("the server closes the connection")
def closes_connection(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "closes", "i1")


@scenario("timeout")
def timeout(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "silent", "i1", _request_timeout=0.2)


@scenario("timeout, as a pair")
def timeout_as_pair(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "silent", "i1", _request_timeout=(0.1, 0.1))


@scenario("redirected")
def redirected(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "moved", "i1").data.instrument_id
