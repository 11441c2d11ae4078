"""The lifecycle of a saved card with one SDK: save, list, fetch, cryptogram, delete, list, fetch."""

from dataclasses import dataclass
from typing import Self

from tests.conformance.official import Outcome, Sdk
from tests.support.emulator_process import Emulator
from tests.support.http_client import Json


@dataclass(frozen=True, slots=True)
class CardLifecycle:
    """The outcome of each step, in the order of the steps."""

    saved: Json
    listed: Outcome
    fetched: Outcome
    cryptogram: Outcome
    deleted: Outcome
    listed_after: Outcome
    fetched_after: Outcome

    @classmethod
    def record(cls, sdk: Sdk, emulator: Emulator, customer_id: str) -> Self:
        """Save a card for the customer and make every call on it with `sdk`."""
        saved = emulator.save(customer_id)
        listing = sdk.step("fetch_instruments", customer_id, "card")
        fetch, cryptogram, delete = (
            sdk.step(call, customer_id, saved["instrument_id"])
            for call in ("fetch_instrument", "fetch_cryptogram", "delete_instrument")
        )
        return cls(saved, *sdk.run([listing, fetch, cryptogram, delete, listing, fetch]))
