"""An emulator for the shop's tests: one for the whole session, on free ports, with nothing kept afterwards."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count

import pytest

from tokenvault_client import Card, Client, Consent, Instrument

_NUMBERS = count(1)


@pytest.fixture(scope="session")
def vault() -> Iterator[Client]:
    """A client of a running emulator."""
    command = ["tokenvault", "emulator", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        ready = json.loads(process.stdout.readline())  # one line, printed as soon as the emulator answers
        credentials = {"client_id": ready["client_id"], "client_secret": ready["client_secret"]}
        with Client(base_url=ready["base_url"], max_retries=0, **credentials) as client:
            yield client
        process.terminate()


@pytest.fixture
def customer() -> str:
    """The id of a customer whom no other test knows: tests that share an emulator do not meet."""
    return f"customer_{next(_NUMBERS)}"


@pytest.fixture
def card(vault: Client, customer: str) -> Instrument:
    """A saved card of the customer: one of the emulator's sandbox cards."""
    number = Card(card_number="4706131211212123", card_expiry_mm="03", card_expiry_yy="2034")
    consent = Consent(given_at=datetime.now(UTC).isoformat(), text_version="v1")
    return vault.enrol_instrument(customer, number, afa_reference="740324562", consent=consent).data
