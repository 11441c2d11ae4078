"""Calls through the real pipeline of a real vault, without a server."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.support.builders import VISA, retag, sql
from tokenvault_server.api.call import Request
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.bootstrap import Vault
from tokenvault_server.vault.merchants import NewMerchant

LATEST = "2026-01-01"
INSTRUMENTS = "/pg/customers/customer-1/instruments"

ENROLMENT: dict[str, Any] = {
    "instrument_type": "card",
    "card": {
        "card_number": VISA,
        "card_expiry_mm": "03",
        "card_expiry_yy": "28",
        "card_holder_name": "Asha Rao",
    },
    "afa_reference": "740324562",
    "consent": {"given_at": "2026-11-22T10:00:00+05:30", "text_version": "v1"},
}


def changed(**fields: Any) -> bytes:
    """Return an enrolment with fields changed by their dotted names (`card__card_number`); None takes a field out."""
    body = json.loads(json.dumps(ENROLMENT))
    for name, value in fields.items():
        *parents, last = name.split("__")
        part = body
        for each in parents:
            part = part[each]
        if value is None:
            del part[last]
        else:
            part[last] = value
    return json.dumps(body).encode()


@dataclass
class Answer:
    """A reply, as its caller reads it."""

    status: int
    headers: dict[str, str]
    body: Any
    raw: bytes

    @property
    def code(self) -> str:
        return str(self.body["code"])


class Client:
    """A merchant's client: its calls are valid unless a test changes them."""

    def __init__(self, vault: Vault, pipeline: Pipeline, merchant: NewMerchant) -> None:
        self.vault = vault
        self.pipeline = pipeline
        self.merchant = merchant
        self.credentials: dict[str, str] = {
            "x-client-id": merchant.merchant.client_id,
            "x-client-secret": merchant.client_secret.reveal(),
        }

    async def call(
        self,
        method: str = "GET",
        path: str = INSTRUMENTS,
        *,
        query: str = "instrument_type=card",
        body: bytes | None = b"",
        origin: str = "192.0.2.1",
        **headers: str | None,
    ) -> Answer:
        """Send a call. Headers are named with underscores; None leaves one out."""
        sent: dict[str, str | None] = {"host": "tokenvault", "x-api-version": LATEST, **self.credentials}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        wire = [(name.encode(), value.encode("latin-1")) for name, value in sent.items() if value is not None]
        request = Request(method, path.encode(), query.encode(), wire, origin)
        request.body = body
        reply = await self.pipeline.answer(request)
        read = {name.decode(): value.decode() for name, value in reply.headers}
        assert len(read) == len(reply.headers), "a header was sent twice"
        return Answer(reply.status, read, msgspec.json.decode(reply.body), reply.body)

    async def save(self) -> str:
        """Save a card and return its path."""
        answer = await self.call("POST", body=changed())
        assert answer.status == 201, answer.body
        return f"{INSTRUMENTS}/{answer.body['instrument_id']}"

    async def tell(self, statement: str) -> None:
        """Change the database without any verb of the vault, but as the vault would have written it."""
        await sql(self.vault.engine, statement)
        await retag(self.vault)
