"""The life of a saved card, told once by each SDK: save, list, fetch, cryptogram, delete, list, fetch."""

from dataclasses import dataclass
from typing import Self

from tests.conformance.official import Outcome, Sdk
from tests.support.emulator_process import Emulator
from tests.support.http_client import Json


@dataclass(frozen=True, slots=True)
class Story:
    """What came back at each step, in the order of the steps."""

    saved: Json
    listed: Outcome
    fetched: Outcome
    cryptogram: Outcome
    deleted: Outcome
    listed_after: Outcome
    fetched_after: Outcome

    @classmethod
    def tell(cls, sdk: Sdk, emulator: Emulator, customer_id: str) -> Self:
        """Saves a card for the customer and takes it through its life with `sdk`."""
        saved = emulator.save(customer_id)
        listing = sdk.step("fetch_instruments", customer_id, "card")
        fetch, cryptogram, delete = (
            sdk.step(call, customer_id, saved["instrument_id"])
            for call in ("fetch_instrument", "fetch_cryptogram", "delete_instrument")
        )
        return cls(saved, *sdk.run([listing, fetch, cryptogram, delete, listing, fetch]))
