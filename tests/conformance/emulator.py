"""A `tokenvault emulator` in a process of its own, on a real socket, and a plain HTTP client to save cards with.

Saving a card is not one of the four operations, so no SDK can do it: it goes through our own enrolment route.
"""

import http.client
import json
import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

from tests.conformance.environments import tool

Json = dict[str, Any]

# Cashfree's published sandbox card: Visa, debit, retail.
VISA_DEBIT = "4706131211212123"
START_SECONDS = 30
STOP_SECONDS = 20
CALL_SECONDS = 10
CREATED = 201


@dataclass(frozen=True, slots=True)
class Emulator:
    """Where a running emulator answers, and the credentials of its demo merchant."""

    base_url: str
    client_id: str
    client_secret: str

    def save(self, customer_id: str, pan: str = VISA_DEBIT) -> Json:
        """Saves a card for the customer and gives the instrument as the newest API version shows it."""
        status, instrument = self.ask("POST", f"/customers/{quote(customer_id, safe='')}/instruments", enrolment(pan))
        assert status == CREATED, instrument
        return instrument

    def ask(self, method: str, target: str, body: Json | None = None) -> tuple[int, Json]:
        """Sends one request whose target is taken as it is: what an SDK would tidy up arrives untidied."""
        base = urlsplit(self.base_url)
        assert base.hostname
        connection = http.client.HTTPConnection(base.hostname, base.port, timeout=CALL_SECONDS)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, base.path + target, content, self.headers())
            reply = connection.getresponse()
            return reply.status, json.loads(reply.read())
        finally:
            connection.close()

    def headers(self) -> dict[str, str]:
        """Gives the headers of the demo merchant."""
        return {
            "x-client-id": self.client_id,
            "x-client-secret": self.client_secret,
            "x-api-version": "2026-01-01",
            "content-type": "application/json",
        }


def enrolment(pan: str) -> Json:
    """Gives the body that saves a card; its expiry is always a few years ahead."""
    now = datetime.now(UTC)
    return {
        "instrument_type": "card",
        "card": {
            "card_number": pan,
            "card_expiry_mm": "03",
            "card_expiry_yy": str(now.year + 3)[-2:],
            "card_holder_name": "Asha Rao",
        },
        "afa_reference": "740324562",
        "consent": {"given_at": now.isoformat(timespec="seconds"), "text_version": "v1"},
    }


@contextmanager
def emulator() -> Iterator[Emulator]:
    """Runs an emulator until the block ends, then has it drain: anything but a clean exit is a failure."""
    command = [tool("tokenvault"), "emulator", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = first_line(process)
            yield Emulator(line["base_url"], line["client_id"], line["client_secret"])
        finally:
            process.terminate()
            code = process.wait(STOP_SECONDS)
    assert code == 0, f"the emulator ended with {code} on SIGTERM"


def first_line(process: subprocess.Popen[str]) -> Json:
    """Reads the line that says where the emulator answers; it comes as soon as it does."""
    assert process.stdout
    readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    assert readable, f"the emulator said nothing for {START_SECONDS} seconds"
    line = process.stdout.readline()
    assert line, f"the emulator ended with {process.wait(STOP_SECONDS)} instead of answering"
    described: Json = json.loads(line)
    return described
