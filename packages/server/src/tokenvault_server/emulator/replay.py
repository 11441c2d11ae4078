"""Calls the API inside the emulator's process, as a client would over a socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tokenvault_contract import headers
from tokenvault_server.emulator.connections import App, Message
from tokenvault_server.emulator.errors import ControlError
from tokenvault_server.emulator.journal import JournalEntry

ORIGIN: Final = ("127.0.0.1", 0)


async def repeat(app: App, entry: JournalEntry, credentials: Mapping[str, str]) -> int:
    """Repeat a call of the journal, without its idempotency key; return the status of the answer.

    Raises:
        ControlError: something of its target or body was hidden, so it cannot be repeated.
    """
    if not entry.replayable:
        reasons = ["calls without card data, secrets and other hidden values in target and body"]
        raise ControlError.conflict("not_replayable", "the journal does not keep what this call sent", reasons)
    sent = {"host": "emulator", headers.API_VERSION: entry.version, "content-type": "application/json", **credentials}
    if entry.headers.get(headers.API_VERSION) is None:
        del sent[headers.API_VERSION]
    body = b"" if entry.body is None else msgspec.json.encode(entry.body)
    scope: dict[str, Any] = {
        "type": "http",
        "method": entry.method,
        "raw_path": entry.path.encode("latin-1"),
        "query_string": entry.query.encode("latin-1"),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ORIGIN,
    }
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0] if statuses else 0
