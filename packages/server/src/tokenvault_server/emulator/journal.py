"""The journal: the last calls of the API, redacted before they are kept.

It holds no body as it was sent, so a call whose body had anything to hide cannot be repeated from it.
"""

from __future__ import annotations

import json
import shlex
from collections import deque
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any, Final

import msgspec

from tokenvault_contract import headers
from tokenvault_server.api.call import Reply, Request
from tokenvault_server.emulator.errors import ControlError
from tokenvault_server.emulator.exchange import EXCHANGE
from tokenvault_server.emulator.redaction import HIDDEN, shown_body, shown_headers, shown_target
from tokenvault_server.telemetry.logs import MASK, SECRET_MASK

KEPT: Final = 1_000
_PLACEHOLDERS: Final = {
    headers.CLIENT_ID: "$CASHFREE_CLIENT_ID",
    headers.CLIENT_SECRET: "$CASHFREE_CLIENT_SECRET",
    headers.PARTNER_API_KEY: "$CASHFREE_PARTNER_API_KEY",
    headers.CLIENT_SIGNATURE: "$CASHFREE_CLIENT_SIGNATURE",
}


class JournalEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call, redacted."""

    id: str
    at: str
    method: str
    path: str
    operation: str
    status: int
    query: str = ""
    customer_id: str = ""
    instrument_id: str = ""
    code: str = ""
    """The code of an error."""
    ms: float | None = None
    """How long it took; left out by an emulator with a seed, whose journal is the same each time."""
    request_id: str = ""
    version: str = ""
    headers: dict[str, str] = {}
    body: Any = None
    replayed: bool = False
    """Whether the answer was a stored one of an idempotency key."""
    faults: tuple[str, ...] = ()
    """The fault rules and magic values that had a part in it."""
    replayable: bool = True
    """Whether `replay` can repeat it: nothing of its target and body was hidden."""


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which calls; a field that is not set matches all of them."""

    operation: str = ""
    customer: str = ""
    instrument: str = ""
    method: str = ""
    path: str = ""
    """A part of the path."""
    status: int | None = None
    code: str = ""
    request_id: str = ""
    fault: str = ""
    """The id of a fault rule."""

    def matches(self, entry: JournalEntry) -> bool:
        """Return whether a call is one of those."""
        return (
            self.operation in {"", entry.operation}
            and self.customer in {"", entry.customer_id}
            and self.instrument in {"", entry.instrument_id}
            and self.method.upper() in {"", entry.method}
            and self.path in entry.path
            and self.status in {None, entry.status}
            and self.code in {"", entry.code}
            and self.request_id in {"", entry.request_id}
            and (not self.fault or self.fault in entry.faults)
        )


class Journal:
    """The last calls of one emulator."""

    def __init__(self, moment: Callable[[], str], *, timed: bool = True, kept: int = KEPT) -> None:
        """Take the time of each call from `moment`; leave durations out unless `timed`."""
        self._moment = moment
        self._timed = timed
        self._entries: deque[JournalEntry] = deque(maxlen=kept)
        self._numbers = count(1)

    def record(self, request: Request, reply: Reply, seconds: float) -> None:
        """Add a call."""
        exchange = EXCHANGE.get()
        body, path = shown_body(request.body or b""), shown_target(request.raw_path)
        query = shown_target(request.query)
        customer_id, instrument_id, *_ = (*request.path, "", "")
        self._entries.append(
            JournalEntry(
                id=str(next(self._numbers)),
                at=self._moment(),
                method=request.method,
                path=path,
                query=query,
                operation=request.operation_key,
                customer_id=customer_id,
                instrument_id=instrument_id,
                status=reply.status,
                code=reply.code,
                ms=round(seconds * 1000, 3) if self._timed else None,
                request_id=request.request_id,
                version=request.shape.version,
                headers=shown_headers(request),
                body=body,
                replayed=reply.replayed,
                faults=exchange.causes if exchange else (),
                replayable=request.packed_body is not None and not any(map(_hides, (body, path, query))),
            )
        )

    def find(self, which: Filter) -> list[JournalEntry]:
        """Return the calls that match, oldest first."""
        return [entry for entry in self._entries if which.matches(entry)]

    def get(self, entry_id: str) -> JournalEntry:
        """Return one call.

        Raises:
            ControlError: the journal does not have it, or no longer.
        """
        for entry in self._entries:
            if entry.id == entry_id:
                return entry
        ids = [f"{self._entries[0].id} to {self._entries[-1].id}"] if self._entries else []
        raise ControlError.not_found("request_not_found", "the journal has no call with this id", ids)

    def clear(self) -> None:
        """Forget all calls, and count from 1 again."""
        self._entries.clear()
        self._numbers = count(1)


def as_curl(entry: JournalEntry, base_url: str) -> str:
    """Return a call as a command for a shell. Credentials are variables, and what was hidden stays hidden."""
    target = entry.path + (f"?{entry.query}" if entry.query else "")
    parts = [f"curl -X {entry.method} {shlex.quote(base_url + target)}"]
    for name, value in _sent(entry):
        quoted = f'"{name}: {value}"' if value.startswith("$") else shlex.quote(f"{name}: {value}")
        parts.append(f"-H {quoted}")
    if entry.body is not None:
        text = entry.body if isinstance(entry.body, str) else json.dumps(entry.body, ensure_ascii=False)
        parts.append(f"--data {shlex.quote(text)}")
    return " \\\n  ".join(parts)


def _sent(entry: JournalEntry) -> Iterator[tuple[str, str]]:
    for name, value in entry.headers.items():
        if name != "user-agent":
            yield name, _PLACEHOLDERS.get(name, value)


def _hides(value: Any) -> bool:  # noqa: ANN401  # whatever JSON it is
    """Return whether something of a value was hidden."""
    match value:
        case dict():
            return any(_hides(each) for pair in value.items() for each in pair)
        case list():
            return any(map(_hides, value))
        case str():
            return value == HIDDEN or MASK in value or SECRET_MASK in value
        case _:
            return False
