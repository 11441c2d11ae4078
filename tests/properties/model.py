"""A model of the vault as its callers see it: dictionaries and a clock that is passed in.

It has no SQL, no keys and no leases of processes. Where the vault generates a value (an id, a cryptogram), the model
states the kind of answer and learns the value from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE

LEASE = 60 * SECOND
KEY_LIFE = DAY
CRYPTOGRAM_LIFE = 15 * MINUTE
TOMBSTONE_LIFE = 30 * DAY
CARDS_PER_CUSTOMER = 3

FOUND_BY_THE_TSP = "card_not_supported"
READS = frozenset({"list", "fetch"})


class Call(NamedTuple):
    """A request; equal calls may share an idempotency key."""

    operation: str
    customer: str
    instrument: str = ""
    body: bytes = b""
    version: str = ""
    fault: str = ""
    """The code with which the vault must reject the body, or nothing."""


class Expected(NamedTuple):
    """The expected answer; `raw` and `essence` only where the model knows them."""

    status: int
    code: str = ""
    replayed: bool = False
    raw: bytes | None = None
    essence: object = None


@dataclass
class Card:
    """A saved card, or its tombstone."""

    customer: str
    instrument: str
    saved_at: int
    deleted_at: int | None = None


@dataclass
class Key:
    """The state of the call that a key was first used for."""

    call: Call
    held_until: int
    expires_at: int
    status: int = 0
    """0 until the call is answered."""
    raw: bytes = b""
    about: str = ""
    is_purged: bool = False


@dataclass
class Merchant:
    """Everything that one merchant can see."""

    cards: dict[str, Card] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)

    def expect(self, call: Call, name: str | None, now: int, *, has_outage: bool = False) -> Expected:
        """Return the expected answer of a call without changing anything; in an outage the token service fails."""
        key = self._valid_key(name, now)
        if key is not None:
            if call != key.call:
                return Expected(422, "idempotency_error")
            if now < key.held_until:
                return self._repeat(key)
        expected = self._act(call, now)
        return self._outage(call, expected) if has_outage else expected

    def learn(self, call: Call, name: str | None, now: int, answer: Answered) -> None:
        """Apply an answer that was as expected, unless it was a replay."""
        if answer.replayed or answer.code in {"idempotency_error", "request_in_progress"} or self._is_held(name, now):
            return
        until, about = self._carry_out(call, now, answer)
        if name is None or call.operation in READS:
            return
        key = self.keys[name] = self._valid_key(name, now) or Key(call, now + LEASE, now + KEY_LIFE)
        if answer.status >= 500:
            del self.keys[name]
            return
        key.status, key.raw, key.about, key.is_purged = answer.status, answer.raw, about, False
        key.held_until = min(key.expires_at, until or key.expires_at)

    def crash_in(self, call: Call, name: str, now: int) -> None:
        """End the process during a call: its key stays locked until the lease expires."""
        key = self.keys[name] = self._valid_key(name, now) or Key(call, 0, now + KEY_LIFE)
        key.status, key.raw, key.about, key.held_until = 0, b"", "", now + LEASE

    def can_act(self, call: Call, name: str, now: int) -> bool:
        """Return whether a call would reach the token service."""
        return not self._is_held(name, now) and self.expect(call, name, now).status in {200, 201}

    def active_cards(self, customer: str) -> list[str]:
        """Return a customer's saved cards, oldest first, then by id."""
        cards = [card for card in self.cards.values() if card.customer == customer and not card.deleted_at]
        return [card.instrument for card in sorted(cards, key=lambda card: (card.saved_at, card.instrument))]

    def _valid_key(self, name: str | None, now: int) -> Key | None:
        key = self.keys.get(name) if name else None
        return key if key is not None and now < key.expires_at else None

    def _is_held(self, name: str | None, now: int) -> bool:
        key = self._valid_key(name, now)
        return key is not None and now < key.held_until

    def _repeat(self, key: Key) -> Expected:
        if key.is_purged:
            return Expected(404, "instrument_not_found")
        if not key.status:
            return Expected(409, "request_in_progress")
        return Expected(key.status, replayed=True, raw=key.raw)

    def _act(self, call: Call, now: int) -> Expected:
        match call.operation:
            case "list":
                return Expected(200, essence=self.active_cards(call.customer))
            case "enrol":
                return self._enrol(call)
            case "delete":
                return self._gone() if self._deletable(call, now) is None else Expected(200, essence="INACTIVE")
            case _:
                return Expected(200, essence=call.instrument) if self._is_active(call) else self._gone()

    def _enrol(self, call: Call) -> Expected:
        if call.fault and call.fault != FOUND_BY_THE_TSP:
            return Expected(400, call.fault)
        if len(self.active_cards(call.customer)) >= CARDS_PER_CUSTOMER:
            return Expected(409, "instrument_limit_reached")
        return Expected(400, call.fault) if call.fault else Expected(201)

    def _carry_out(self, call: Call, now: int, answer: Answered) -> tuple[int | None, str]:
        """Apply a successful call; return until when its answer holds, and its card."""
        if answer.status not in {200, 201}:
            return None, ""
        match call.operation:
            case "enrol":
                instrument = str(answer.body["instrument_id"])
                self.cards[instrument] = Card(call.customer, instrument, now)
                return None, instrument
            case "cryptogram":
                return now - now % MINUTE + CRYPTOGRAM_LIFE, call.instrument
            case "delete" if self._is_active(call):
                self._delete(call, now)
        return None, ""

    def _delete(self, call: Call, now: int) -> None:
        self.cards[call.instrument].deleted_at = now
        for key in self.keys.values():
            key.is_purged = key.is_purged or key.about == call.instrument

    def _is_active(self, call: Call) -> bool:
        card = self.cards.get(call.instrument)
        return card is not None and card.customer == call.customer and not card.deleted_at

    def _deletable(self, call: Call, now: int) -> Card | None:
        """Return the card if it can be deleted or still has a tombstone."""
        card = self.cards.get(call.instrument)
        if card is None or card.customer != call.customer:
            return None
        return card if not card.deleted_at or now < card.deleted_at + TOMBSTONE_LIFE else None

    def _gone(self) -> Expected:
        return Expected(404, "instrument_not_found")

    def _outage(self, call: Call, expected: Expected) -> Expected:
        """Return the answer of a call when the token service fails."""
        asks = call.operation in {"enrol", "cryptogram"} and expected.status in {200, 201}
        if asks or expected.code == FOUND_BY_THE_TSP:
            return Expected(502, "tokenization_service_unavailable")
        return expected


class Answered(NamedTuple):
    """An answer of the vault."""

    status: int
    code: str
    replayed: bool
    raw: bytes
    body: Any
