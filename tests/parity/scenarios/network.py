"""Servers that are away, hang up, are slow or send elsewhere."""

from __future__ import annotations

from typing import Any

from tests.parity.scenarios.catalogue import FETCH, scenario
from tests.parity.styles import Sdk


@scenario("nobody listens")
def nobody_listens(sdk: Sdk) -> Any:
    return sdk.at(sdk.places.nobody, FETCH, "c", "i1")


@scenario("the server hangs up")
def hangs_up(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "hangs-up", "i1")


@scenario("time is up")
def time_is_up(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "silent", "i1", _request_timeout=0.2)


@scenario("time is up, told as a pair")
def pair_is_up(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "silent", "i1", _request_timeout=(0.1, 0.1))


@scenario("sent elsewhere")
def moved(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "moved", "i1").data.instrument_id
