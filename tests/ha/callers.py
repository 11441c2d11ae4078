"""Callers who save, delete and fetch cryptograms, each act under a key, and repeat it until they know how it ended."""

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
SHARED: Final = "everybody"
"""The customer whose cards all callers pay with, and nobody deletes."""

_MOST_UNSETTLED = 3
_PAUSE_SECONDS = 0.25
_GONE = (OSError, http.client.HTTPException)


@dataclass
class Act:
    """One thing that a caller wants done once."""

    kind: str
    method: str
    target: str
    key: str
    customer: str
    instrument_id: str = ""
    body: Json | None = None
    attempts: int = 0


class Caller:
    """One of them, with a customer of its own and a connection to each server."""

    def __init__(
        self, name: str, connections: Sequence[Connection], records: CallRecords, shared: Sequence[str]
    ) -> None:
        """Act as `name`, first through the first of the connections."""
        self._name = name
        self._connections = list(connections)
        self._records = records
        self._shared = shared
        self._mine: list[str] = []
        self._numbers = count()
        self._pause = Event()
        self.unsettled: list[Act] = []
        """What was asked for and not acknowledged yet."""

    def work(self, enough: Event) -> None:
        """Act until it is enough; what has no answer is repeated beside other acts."""
        while not enough.is_set() and not self._records.errors:
            if self.unsettled:
                self.repeat()
                self._pause.wait(_PAUSE_SECONDS)
            if len(self.unsettled) < _MOST_UNSETTLED:
                self._carry_out(self._choose())

    def repeat(self) -> None:
        """Try once more whatever is unsettled."""
        waiting, self.unsettled = self.unsettled, []
        for act in waiting:
            self._carry_out(act)

    def _choose(self) -> Act:
        wish = random.random()
        if wish < 0.3 or not self._mine:  # shares of the mix
            return self._save()
        if wish < 0.45 and (card := self._quiet_card()):
            return self._delete(card)
        if wish < 0.75:
            return self._cryptogram(SHARED, random.choice(self._shared))
        return self._cryptogram(self._name, random.choice(self._mine))

    def _save(self) -> Act:
        body = enrolment(random.choice(CARDS))
        return Act("save", "POST", instruments(self._name), self._key(), self._name, body=body)

    def _delete(self, card: str) -> Act:
        return Act("delete", "DELETE", instruments(self._name, card), self._key(), self._name, card)

    def _cryptogram(self, customer: str, card: str) -> Act:
        target = instruments(customer, card) + "/cryptogram"
        return Act("cryptogram", "GET", target, self._key(), customer, card)

    def _quiet_card(self) -> str:
        """Take away a card about which nothing is unsettled; nothing when there is none."""
        busy = {act.instrument_id for act in self.unsettled}
        quiet = [card for card in self._mine if card not in busy]
        if not quiet:
            return ""
        card = random.choice(quiet)
        self._mine.remove(card)
        return card

    def _key(self) -> str:
        return f"{self._name}-{next(self._numbers)}"

    def _carry_out(self, act: Act) -> None:
        """Make one attempt at an act; it stays unsettled when nobody can say how it ended."""
        act.attempts += 1
        began = monotonic()
        answer = self._ask(act)
        if answer is None or answer.status >= 500 or answer.status == 409:  # HTTP
            self.unsettled.append(act)
            self._connections.append(self._connections.pop(0))  # the other server may know better
        elif answer.status in (200, CREATED):
            self._note(act, answer.json())
            is_replay = answer.headers["x-idempotency-replayed"] == "true"
            self._records.acknowledge(began, monotonic(), is_replay=is_replay)
        else:
            self._records.record_error(f"{answer.status} for {act.kind} {act.key}: {answer.body!r}")

    def _ask(self, act: Act) -> Answer | None:
        connection = self._connections[0]
        try:
            answer = connection.ask(act.method, act.target, act.body, {"x-idempotency-key": act.key})
        except _GONE as error:
            connection.close()
            self._records.count(act.kind, type(error).__name__)
            return None
        self._records.count(act.kind, _outcome(answer))
        return answer

    def _note(self, act: Act, message: Json) -> None:
        match act.kind:
            case "save":
                self._records.save(act.customer, message["instrument_id"])
                self._mine.append(message["instrument_id"])
            case "delete":
                self._records.delete(act.customer, act.instrument_id)
            case _:
                counter = counter_of(message["cryptogram"])
                self._records.spend(Spent(act.key, act.instrument_id, message["card_number"], counter))


def _outcome(answer: Answer) -> str:
    """Give the status, with the code of a failure."""
    code = ""
    with suppress(json.JSONDecodeError, AttributeError):
        code = answer.json().get("code") or ""
    return f"{answer.status} {code}".strip()
