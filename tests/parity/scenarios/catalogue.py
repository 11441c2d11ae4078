"""The list of scenarios, how a scenario gets on it, and the calls that they make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.parity.styles import Sdk

LIST = "PGCustomerFetchInstruments"
FETCH = "PGCustomerFetchInstrument"
DELETE = "PGCustomerDeleteInstrument"
CRYPTOGRAM = "PGCustomerInstrumentsFetchCryptogram"
ONE_CARD = {LIST: "card", FETCH: "i1", DELETE: "i1", CRYPTOGRAM: "i1"}

SCENARIOS: dict[str, Callable[[Sdk], Any]] = {}

Scenario = Callable[[Sdk], Any]


def scenario(name: str) -> Callable[[Scenario], Scenario]:
    """Puts a scenario on the list."""

    def listed(function: Scenario) -> Scenario:
        assert name not in SCENARIOS
        SCENARIOS[name] = function
        return function

    return listed


def each(name: str, cases: list[Any]) -> Callable[[Callable[[Sdk, Any], Any]], None]:
    """Puts a scenario on the list once for each case."""

    def listed(function: Callable[[Sdk, Any], Any]) -> None:
        for case in cases:
            scenario(name.format(case))(lambda sdk, case=case: function(sdk, case))  # type: ignore[misc]

    return listed


def which(sdk: Sdk, method: str) -> str:
    """Gives what a method asks for of the card that is kept."""
    return "card" if method == LIST else sdk.places.instrument


def key(sdk: Sdk, name: str) -> str:
    """Gives an idempotency key that only this package uses, once in each style."""
    return f"{sdk.places.side}-{sdk.style}-{name}"
