"""Callers that save and delete cards and fetch cryptograms, each call under a key, until every call has an answer."""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from threading import Event
from time import monotonic
from typing import Final

from tests.ha.records import CallRecords, Spent
from tests.scenarios.expectations import counter_of
from tests.support.emulator_process import CREATED, VISA_DEBIT, enrolment, instruments
from tests.support.http_client import Answer, Connection, Json

CARDS: Final = (VISA_DEBIT, "4576238912771450", "5105105105105100", "6074825972083818", "378282246310005")
SHARED: Final = "shared"
"""The customer whose cards all callers use and no caller deletes."""

_MOST_UNSETTLED = 3
_PAUSE_SECONDS = 0.25
_GONE = (OSError, http.client.HTTPException)


@dataclass
class Call:
    """A call that must take effect once."""

    kind: str
    method: str
    target: str
    key: str
    customer: str
    instrument_id: str = ""
    body: Json | None = None
    attempts: int = 0


class Caller:
    """A caller with its own customer and a connection to each server."""

    def __init__(
        self, name: str, connections: Sequence[Connection], records: CallRecords, shared: Sequence[str]
    ) -> None:
        """Make calls for the customer `name`, first through the first connection."""
        self._name = name
        self._connections = list(connections)
        self._records = records
        self._shared = shared
        self._mine: list[str] = []
        self._numbers = count()
        self._pause = Event()
        self.unsettled: list[Call] = []
        """Calls that are not acknowledged yet."""

    def work(self, stop: Event) -> None:
        """Make calls until `stop` is set; repeat calls without an answer in between."""
        while not stop.is_set() and not self._records.errors:
            if self.unsettled:
                self.repeat()
                self._pause.wait(_PAUSE_SECONDS)
            if len(self.unsettled) < _MOST_UNSETTLED:
                self._attempt(self._choose())

    def repeat(self) -> None:
        """Repeat every unsettled call once."""
        waiting, self.unsettled = self.unsettled, []
        for call in waiting:
            self._attempt(call)

    def _choose(self) -> Call:
        share = random.random()
        if share < 0.3 or not self._mine:  # the mix of calls
            return self._save()
        if share < 0.45 and (card := self._take_settled_card()):
            return self._delete(card)
        if share < 0.75:
            return self._cryptogram(SHARED, random.choice(self._shared))
        return self._cryptogram(self._name, random.choice(self._mine))

    def _save(self) -> Call:
        body = enrolment(random.choice(CARDS))
        return Call("save", "POST", instruments(self._name), self._key(), self._name, body=body)

    def _delete(self, card: str) -> Call:
        return Call("delete", "DELETE", instruments(self._name, card), self._key(), self._name, card)

    def _cryptogram(self, customer: str, card: str) -> Call:
        target = instruments(customer, card) + "/cryptogram"
        return Call("cryptogram", "GET", target, self._key(), customer, card)

    def _take_settled_card(self) -> str:
        """Remove and return a card without unsettled calls, or return an empty string."""
        busy = {call.instrument_id for call in self.unsettled}
        settled = [card for card in self._mine if card not in busy]
        if not settled:
            return ""
        card = random.choice(settled)
        self._mine.remove(card)
        return card

    def _key(self) -> str:
        return f"{self._name}-{next(self._numbers)}"

    def _attempt(self, call: Call) -> None:
        """Attempt a call once; it stays unsettled when its result is unknown."""
        call.attempts += 1
        began = monotonic()
        answer = self._ask(call)
        if answer is None or answer.status >= 500 or answer.status == 409:  # HTTP
            self.unsettled.append(call)
            self._connections.append(self._connections.pop(0))  # the other server may answer
        elif answer.status in (200, CREATED):
            self._record(call, answer.json())
            is_replay = answer.headers["x-idempotency-replayed"] == "true"
            self._records.acknowledge(began, monotonic(), is_replay=is_replay)
        else:
            self._records.record_error(f"{answer.status} for {call.kind} {call.key}: {answer.body!r}")

    def _ask(self, call: Call) -> Answer | None:
        connection = self._connections[0]
        try:
            answer = connection.ask(call.method, call.target, call.body, {"x-idempotency-key": call.key})
        except _GONE as error:
            connection.close()
            self._records.count(call.kind, type(error).__name__)
            return None
        self._records.count(call.kind, _outcome(answer))
        return answer

    def _record(self, call: Call, message: Json) -> None:
        match call.kind:
            case "save":
                self._records.save(call.customer, message["instrument_id"])
                self._mine.append(message["instrument_id"])
            case "delete":
                self._records.delete(call.customer, call.instrument_id)
            case _:
                counter = counter_of(message["cryptogram"])
                self._records.spend(Spent(call.key, call.instrument_id, message["card_number"], counter))


def _outcome(answer: Answer) -> str:
    """Return the status, and the error code of a failure."""
    code = ""
    with suppress(json.JSONDecodeError, AttributeError):
        code = answer.json().get("code") or ""
    return f"{answer.status} {code}".strip()
