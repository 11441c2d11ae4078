"""An emulator in this process, and its API over a socket: what tests of the control plane share."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from tests.support.emulator_process import LATEST, VISA_DEBIT, enrolment, instruments
from tests.support.emulator_process import Emulator as Api
from tests.support.http_client import Answer, Json
from tokenvault_server.embedded import Emulator

LIST = "?instrument_type=card"


def api_of(emulator: Emulator) -> Api:
    """Return the API of an emulator in this process."""
    return Api(**{field.name: getattr(emulator, field.name) for field in fields(Api)})


def ask(
    emulator: Emulator,
    method: str,
    target: str,
    body: Json | None = None,
    headers: dict[str, str] | None = None,
    version: str = LATEST,
) -> Answer:
    """Send one call over a connection of its own."""
    with api_of(emulator).connection(version) as connection:
        return connection.ask(method, target, body, headers)


def save(emulator: Emulator, customer: str = "asha", *, holder: str = "Asha Rao", pan: str = VISA_DEBIT) -> Answer:
    """Try to save a card."""
    body = enrolment(pan)
    body["card"]["card_holder_name"] = holder
    # The emulator's clock may be in another decade.
    now = emulator.clock.now()
    body["card"]["card_expiry_yy"] = str(now.year + 3)[-2:]
    body["consent"]["given_at"] = now.isoformat()
    return ask(emulator, "POST", instruments(customer), body)


def saved(emulator: Emulator, customer: str = "asha", **fields_of_card: Any) -> str:
    """Save a card and return its id."""
    answer = save(emulator, customer, **fields_of_card)
    assert answer.status == 201, answer.body
    instrument_id: str = answer.json()["instrument_id"]
    return instrument_id


def calls(customer: str, instrument_id: str) -> dict[str, tuple[str, str]]:
    """Return a call of each operation but saving, by its key."""
    one = instruments(customer, instrument_id)
    return {
        "fetch_instruments": ("GET", instruments(customer) + LIST),
        "fetch_instrument": ("GET", one),
        "fetch_cryptogram": ("GET", f"{one}/cryptogram"),
        "delete_instrument": ("DELETE", one),
    }
