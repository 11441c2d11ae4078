"""What the vault promises its callers, as a plain program: dictionaries, a clock that is passed in, nothing else.

It knows neither SQL nor keys nor leases of processes. Where the vault must invent something (an id, a cryptogram),
the model says what kind of answer has to come and learns the rest from it.
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
    """What is asked: calls that are equal may stand in for each other under a key."""

    operation: str
    customer: str
    instrument: str = ""
    body: bytes = b""
    version: str = ""
    fault: str = ""
    """The code by which the vault must refuse the body, or nothing."""


class Expected(NamedTuple):
    """What must be answered; `raw` and `essence` only where they can be known."""

    status: int
    code: str = ""
    replayed: bool = False
    raw: bytes | None = None
    essence: object = None


@dataclass
class Card:
    """A saved card, or what is remembered of it."""

    customer: str
    instrument: str
    saved_at: int
    deleted_at: int | None = None


@dataclass
class Key:
    """What became of the call that a key was first used for."""

    call: Call
    held_until: int
    expires_at: int
    status: int = 0
    """0 while nobody has answered."""
    raw: bytes = b""
    about: str = ""
    is_purged: bool = False


@dataclass
class Merchant:
    """Everything that one merchant can see."""

    cards: dict[str, Card] = field(default_factory=dict)
    keys: dict[str, Key] = field(default_factory=dict)

    def expect(self, call: Call, name: str | None, now: int, *, has_outage: bool = False) -> Expected:
        """Say what a call must be answered, without carrying it out; in an outage the token service fails."""
        key = self._live(name, now)
        if key is not None:
            if call != key.call:
                return Expected(422, "idempotency_error")
            if now < key.held_until:
                return self._repeat(key)
        expected = self._act(call, now)
        return self._outage(call, expected) if has_outage else expected

    def learn(self, call: Call, name: str | None, now: int, answer: Answered) -> None:
        """Take an answer that was as expected into account, unless it was a repeat's."""
        if answer.replayed or answer.code in {"idempotency_error", "request_in_progress"} or self._is_held(name, now):
            return
        until, about = self._carry_out(call, now, answer)
        if name is None or call.operation in READS:
            return
        key = self.keys[name] = self._live(name, now) or Key(call, now + LEASE, now + KEY_LIFE)
        if answer.status >= 500:
            del self.keys[name]
            return
        key.status, key.raw, key.about, key.is_purged = answer.status, answer.raw, about, False
        key.held_until = min(key.expires_at, until or key.expires_at)

    def die_in(self, call: Call, name: str, now: int) -> None:
        """The process ends while it carries a call out: its key stays with nobody until the lease has run out."""
        key = self.keys[name] = self._live(name, now) or Key(call, 0, now + KEY_LIFE)
        key.status, key.raw, key.about, key.held_until = 0, b"", "", now + LEASE

    def can_act(self, call: Call, name: str, now: int) -> bool:
        """Tell whether a call would come as far as the token service."""
        return not self._is_held(name, now) and self.expect(call, name, now).status in {200, 201}

    def living(self, customer: str) -> list[str]:
        """Give a customer's saved cards, oldest first, then by id."""
        cards = [card for card in self.cards.values() if card.customer == customer and not card.deleted_at]
        return [card.instrument for card in sorted(cards, key=lambda card: (card.saved_at, card.instrument))]

    def _live(self, name: str | None, now: int) -> Key | None:
        key = self.keys.get(name) if name else None
        return key if key is not None and now < key.expires_at else None

    def _is_held(self, name: str | None, now: int) -> bool:
        key = self._live(name, now)
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
                return Expected(200, essence=self.living(call.customer))
            case "enrol":
                return self._enrol(call)
            case "delete":
                return self._gone() if self._buried(call, now) is None else Expected(200, essence="INACTIVE")
            case _:
                return Expected(200, essence=call.instrument) if self._is_living(call) else self._gone()

    def _enrol(self, call: Call) -> Expected:
        if call.fault and call.fault != FOUND_BY_THE_TSP:
            return Expected(400, call.fault)
        if len(self.living(call.customer)) >= CARDS_PER_CUSTOMER:
            return Expected(409, "instrument_limit_reached")
        return Expected(400, call.fault) if call.fault else Expected(201)

    def _carry_out(self, call: Call, now: int, answer: Answered) -> tuple[int | None, str]:
        """Change what a successful call changes; give until when its answer holds, and which card it speaks of."""
        if answer.status not in {200, 201}:
            return None, ""
        match call.operation:
            case "enrol":
                instrument = str(answer.body["instrument_id"])
                self.cards[instrument] = Card(call.customer, instrument, now)
                return None, instrument
            case "cryptogram":
                return now - now % MINUTE + CRYPTOGRAM_LIFE, call.instrument
            case "delete" if self._is_living(call):
                self._bury(call, now)
        return None, ""

    def _bury(self, call: Call, now: int) -> None:
        self.cards[call.instrument].deleted_at = now
        for key in self.keys.values():
            key.is_purged = key.is_purged or key.about == call.instrument

    def _is_living(self, call: Call) -> bool:
        card = self.cards.get(call.instrument)
        return card is not None and card.customer == call.customer and not card.deleted_at

    def _buried(self, call: Call, now: int) -> Card | None:
        """Give the card if it can be deleted, or was deleted and is still remembered."""
        card = self.cards.get(call.instrument)
        if card is None or card.customer != call.customer:
            return None
        return card if not card.deleted_at or now < card.deleted_at + TOMBSTONE_LIFE else None

    def _gone(self) -> Expected:
        return Expected(404, "instrument_not_found")

    def _outage(self, call: Call, expected: Expected) -> Expected:
        """Tell what becomes of a call that needs the token service when that fails."""
        asks = call.operation in {"enrol", "cryptogram"} and expected.status in {200, 201}
        if asks or expected.code == FOUND_BY_THE_TSP:
            return Expected(502, "tokenization_service_unavailable")
        return expected


class Answered(NamedTuple):
    """What the vault did answer."""

    status: int
    code: str
    replayed: bool
    raw: bytes
    body: Any
