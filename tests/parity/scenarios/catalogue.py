"""The registry of scenarios, and the methods that they call."""

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
    """Register a scenario."""

    def register(function: Scenario) -> Scenario:
        assert name not in SCENARIOS
        SCENARIOS[name] = function
        return function

    return register


def each(name: str, cases: list[Any]) -> Callable[[Callable[[Sdk, Any], Any]], None]:
    """Register a scenario once for each case."""

    def register(function: Callable[[Sdk, Any], Any]) -> None:
        for case in cases:
            scenario(name.format(case))(lambda sdk, case=case: function(sdk, case))  # type: ignore[misc]

    return register


def second_argument(sdk: Sdk, method: str) -> str:
    """Return the second argument of a method: the type for the list, else the id of the saved card."""
    return "card" if method == LIST else sdk.settings.instrument


def key(sdk: Sdk, name: str) -> str:
    """Return an idempotency key that only this package uses, once in each style."""
    return f"{sdk.settings.key_prefix}-{sdk.style}-{name}"
