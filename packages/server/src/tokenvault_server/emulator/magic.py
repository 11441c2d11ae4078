"""Magic values: customer ids, holder names and card numbers that make calls fail, for whoever cannot set fault rules.

They are part of the request, so they work through any SDK, and in a test that shares an emulator with others.
`python -m tools.reference` writes the page from this module; `GET /magic` of the control plane lists them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from tokenvault_contract import operations
from tokenvault_contract.entities import EnrolmentRequest
from tokenvault_contract.operations import Operation
from tokenvault_contract.problems import PROBLEMS
from tokenvault_server.domain.card import with_check_digit
from tokenvault_server.emulator.cards import Action
from tokenvault_server.emulator.faults import Then

STATUSES: Final = (400, 401, 404, 409, 422, 429, 500, 502)
"""The failures that the published document names."""
VERBS: Final[Mapping[str, Operation]] = {
    "save": operations.ENROL_INSTRUMENT,
    "list": operations.FETCH_INSTRUMENTS,
    "fetch": operations.FETCH_INSTRUMENT,
    "cryptogram": operations.FETCH_CRYPTOGRAM,
    "delete": operations.DELETE_INSTRUMENT,
}
"""What a customer id calls each operation."""
HOLDERS: Final[Mapping[str, tuple[Then, str]]] = {
    "TSP DOWN": (Then(tsp="down"), "the token service cannot be reached; 502"),
    "TSP SLOW": (Then(tsp="slow", seconds=1), "the token service takes a second"),
    "CONNECTION RESET": (Then(connection="reset"), "the card is saved; the connection closes before the answer"),
    "BODY TRUNCATED": (Then(connection="truncate"), "the card is saved; the answer ends in the middle of its body"),
    "BODY SLOW": (Then(connection="slow", seconds=1), "the card is saved; the body of the answer takes a second"),
}
STATES: Final[Mapping[str, tuple[Action, str]]] = {
    "CARD SUSPENDED": ("suspend", "the card is saved, and its bank suspends it at once: it is INACTIVE"),
    "CARD EXPIRED": ("expire", "the card is saved, and its token expires at once: it is INACTIVE"),
    "CARD DEACTIVATED": ("deactivate", "the card is saved, and its bank ends it at once: it is deleted"),
}
"""Holder names that decide what becomes of a card after it was saved."""
_CARD_PREFIX: Final = "470613000000"
_CUSTOMER: Final = re.compile(r"fail_([0-9]{3})(?:_([a-z]+))?(?:_|$)")
_HOLDER: Final = re.compile(r"FAIL ([0-9]{3})")
HELP_NOTE: Final = (
    "This is an emulator. Customer ids such as fail_429_cryptogram_asha make calls fail; GET /magic of its control "
    "plane and docs/reference/magic-values.md list them all."
)


@dataclass(frozen=True, slots=True)
class Found:
    """A magic value in a call: what it does, and its name for the journal."""

    then: Then
    cause: str


class MagicValue(msgspec.Struct, frozen=True):
    """One magic value, as it is listed."""

    where: str
    value: str
    effect: str
    operations: tuple[str, ...]
    status: int | None = None


def card_for(status: int) -> str:
    """Return the card number whose saving fails with a status."""
    return with_check_digit(f"{_CARD_PREFIX}{status:03d}")


_CARDS: Final = {card_for(status): status for status in STATUSES}


def can_fail(operation: Operation, status: int) -> bool:
    """Return whether an operation can answer a status."""
    return status in {PROBLEMS[kind].status for kind in operation.problems}


def of_call(operation: Operation, customer: str, body: bytes) -> Found | None:
    """Return the magic value in a call, or None."""
    if (match := _CUSTOMER.match(customer)) and (found := _of_customer(operation, match)):
        return found
    if operation is operations.ENROL_INSTRUMENT and body:
        return _of_card(body)
    return None


def action_of(cause: str) -> Action | None:
    """Return what becomes of a card after it was saved, by the name of a magic value in the journal."""
    action, _ = STATES.get(cause.removeprefix("holder:"), (None, ""))
    return action


def _of_customer(operation: Operation, match: re.Match[str]) -> Found | None:
    """Return what a customer id asks for, unless it names another operation or a status that this one cannot have."""
    status, verb = int(match[1]), match[2]
    chosen = VERBS.get(verb or "")
    if status not in STATUSES or (chosen is not None and chosen is not operation):
        return None
    if not can_fail(operation, status):
        return None
    return Found(Then(status=status), f"customer:{match[0].rstrip('_')}")


def _of_card(body: bytes) -> Found | None:
    """Return what the holder's name or the number of a new card asks for."""
    try:
        card = _DECODER.decode(body).card
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # the handler says what is wrong with it
    if card is msgspec.UNSET:
        return None
    holder = card.card_holder_name if isinstance(card.card_holder_name, str) else ""
    if match := _HOLDER.fullmatch(holder):
        status = int(match[1])
        return Found(Then(status=status), f"holder:{holder}") if status in STATUSES else None
    if holder in HOLDERS:
        return Found(HOLDERS[holder][0], f"holder:{holder}")
    if holder in STATES:
        return Found(Then(), f"holder:{holder}")
    status_of_card = _CARDS.get(card.card_number) if isinstance(card.card_number, str) else None
    return Found(Then(status=status_of_card), f"card:{status_of_card}") if status_of_card else None


_DECODER: Final = msgspec.json.Decoder(EnrolmentRequest)


def listed() -> Iterator[MagicValue]:
    """Yield every magic value, for the page and the control plane."""
    for status in STATUSES:
        able = [verb for verb, operation in VERBS.items() if can_fail(operation, status)]
        keys = tuple(VERBS[verb].key for verb in able)
        effect = PROBLEMS[next(kind for kind in PROBLEMS if PROBLEMS[kind].status == status)].description
        yield MagicValue("customer id", f"fail_{status}_...", effect, keys, status)
        for verb in able:
            yield MagicValue("customer id", f"fail_{status}_{verb}_...", effect, (VERBS[verb].key,), status)
    save = (operations.ENROL_INSTRUMENT.key,)
    for status in STATUSES:
        yield MagicValue("holder name", f"FAIL {status}", "saving the card fails", save, status)
    for holder, (_, effect) in HOLDERS.items():
        yield MagicValue("holder name", holder, effect, save)
    for holder, (_, effect) in STATES.items():
        yield MagicValue("holder name", holder, effect, save)
    for number, status in _CARDS.items():
        yield MagicValue("card number", number, "saving the card fails", save, status)
