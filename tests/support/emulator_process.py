"""A `tokenvault emulator` in a process of its own, on a real socket, and how to save cards in it.

Saving a card is not one of the four operations, so no SDK can do it: it goes through our own enrolment route.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.support.http_client import Connection, Json

# Cashfree's published sandbox card: Visa, debit, retail.
VISA_DEBIT = "4706131211212123"
LATEST = "2026-01-01"
START_SECONDS = 30
STOP_SECONDS = 20
CREATED = 201


@dataclass(frozen=True, slots=True)
class Emulator:
    """The addresses of a running emulator and the credentials of its prepared merchant."""

    base_url: str
    client_id: str
    client_secret: str
    partner_api_key: str
    partner_merchant_id: str
    webhook_secret: str
    console_url: str
    control_url: str

    def connection(self, version: str = LATEST) -> Connection:
        """Return a connection that signs in as the prepared merchant."""
        return Connection(self.base_url, self.headers(version))

    def save(self, customer_id: str, pan: str = VISA_DEBIT) -> Json:
        """Save a card for the customer; return the instrument in the newest API version."""
        status, body = self.ask("POST", instruments(customer_id), enrolment(pan))
        assert status == CREATED, body
        instrument: Json = body
        return instrument

    def ask(self, method: str, target: str, body: Json | None = None) -> tuple[int, Any]:
        """Send one request with the target as it is; an SDK would normalise it."""
        with self.connection() as connection:
            answer = connection.ask(method, target, body)
            return answer.status, answer.json()

    def headers(self, version: str = LATEST) -> dict[str, str]:
        """Return the headers of the prepared merchant."""
        return {
            "x-client-id": self.client_id,
            "x-client-secret": self.client_secret,
            "x-api-version": version,
            "content-type": "application/json",
        }


def instruments(customer_id: str, instrument_id: str | None = None) -> str:
    """Return the path of a customer's saved cards, or of one of them."""
    path = f"/customers/{quote(customer_id, safe='')}/instruments"
    return path if instrument_id is None else f"{path}/{quote(instrument_id, safe='')}"


def enrolment(pan: str = VISA_DEBIT) -> Json:
    """Return the body that saves a card; it expires in three years."""
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
def emulator(*options: str, log: Path | None = None) -> Iterator[Emulator]:
    """Run an emulator until the block ends; it must then exit cleanly."""
    with started(*options, log=log) as (running, process):
        try:
            yield running
        finally:
            process.terminate()
            code = process.wait(STOP_SECONDS)
        assert code == 0, f"the emulator ended with {code} on SIGTERM"


@contextmanager
def started(
    *options: str, log: Path | None = None, quiet: bool = True
) -> Iterator[tuple[Emulator, subprocess.Popen[str]]]:
    """Start an emulator. The block ends it, or it is killed afterwards.

    Its log is appended to `log`, or goes to the tests' standard error; the lines of calls too, unless it is `quiet`.
    """
    command = [sys.executable, "-m", "tokenvault_server", "emulator", "--port", "0", "--json", *options]
    command += ["--quiet"] * quiet
    errors = log.open("ab") if log else None
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            try:
                line = first_line(process)
                yield Emulator(**{field.name: line[field.name] for field in fields(Emulator)}), process
            finally:
                if process.poll() is None:
                    process.kill()
    finally:
        if errors:
            errors.close()


def first_line(process: subprocess.Popen[str]) -> dict[str, str]:
    """Read the line with the emulator's addresses; it is printed as soon as the emulator answers."""
    assert process.stdout
    readable, _, _ = select.select([process.stdout], [], [], START_SECONDS)
    assert readable, f"the emulator printed nothing for {START_SECONDS} seconds"
    line = process.stdout.readline()
    assert line, f"the emulator ended with {process.wait(STOP_SECONDS)} instead of answering"
    described: dict[str, str] = json.loads(line)
    return described
