"""Token events lead to the same saved card in any order, even if some arrive more than once."""

from __future__ import annotations

import asyncio
import random
from typing import Final, NamedTuple

from tests.support.builders import a_saved_card, key_of
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.card import Expiry, with_check_digit
from tokenvault_server.domain.identifiers import CustomerId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.network_token import NetworkToken
from tokenvault_server.store import instruments as store
from tokenvault_server.tsp.events import TokenEvent, TokenStatus
from tokenvault_server.tsp.provider import TokenKey
from tokenvault_server.vault.instruments import SavedCard

EVENTS: Final = 10_000
CARDS: Final = 100
STATUSES: Final = (TokenStatus.ACTIVE, TokenStatus.SUSPENDED, TokenStatus.INACTIVE, TokenStatus.EXPIRED)


class Facts(NamedTuple):
    """The values of a card that events change."""

    status: str
    token_pan: str
    expiry: tuple[int, int]
    last4: str


def random_events(chance: random.Random, key: TokenKey, begin: int, count: int) -> list[TokenEvent]:
    """Return events with different times; for one card in four, the last one ends the token."""
    events = [_random_event(chance, key, begin + 1 + number) for number in range(count)]
    if chance.random() < 0.25:
        events[-1] = TokenEvent(key.merchant_id, key.reference, begin + count, TokenStatus.DELETED)
    return events


def _random_event(chance: random.Random, key: TokenKey, at: int) -> TokenEvent:
    """Return an event of one or several kinds."""
    kinds = chance.randrange(1, 8)
    has_token = bool(kinds & 2)
    number = with_check_digit(f"499999{chance.randrange(10**9):09d}")
    return TokenEvent(
        merchant_id=key.merchant_id,
        reference=key.reference,
        at=at,
        status=chance.choice(STATUSES) if kinds & 1 else None,
        token_pan=NetworkToken(number) if has_token else None,
        token_expiry=Expiry(chance.randrange(2030, 2040), chance.randrange(1, 13)) if has_token else None,
        last4=f"{chance.randrange(10**4):04d}" if kinds & 4 else None,
    )


def in_the_right_order(card: SavedCard, events: list[TokenEvent]) -> Facts | None:
    """Return the card's values after all events in order, or None when its token has ended."""
    assert card.secrets is not None
    secrets = card.secrets
    facts = Facts(
        "ACTIVE", secrets.network_token.reveal(), (secrets.token_expiry_month, secrets.token_expiry_year), "2123"
    )
    for event in events:
        if event.status is TokenStatus.DELETED:
            return None
        if event.status is not None:
            facts = facts._replace(status="ACTIVE" if event.status is TokenStatus.ACTIVE else "INACTIVE")
        if event.token_pan is not None and event.token_expiry is not None:
            expiry = (event.token_expiry.month, event.token_expiry.year)
            facts = facts._replace(token_pan=event.token_pan.reveal(), expiry=expiry)
        if event.last4 is not None:
            facts = facts._replace(last4=event.last4)
    return facts


async def as_stored(vault: Vault, card: SavedCard) -> Facts | None:
    read = await store.load(
        vault.engine, card.instrument.merchant_id, card.instrument.customer_id, card.instrument.instrument_id
    )
    assert read is not None
    stored = read.value
    if stored.sealed is None:
        return None
    secrets = await vault.sealer.open_instrument(stored)
    expiry = (secrets.token_expiry_month, secrets.token_expiry_year)
    return Facts(stored.status.value, secrets.network_token.reveal(), expiry, stored.last4)


async def test_ten_thousand_events_in_any_order_have_the_result_of_the_right_order(
    vault: Vault, caller: Caller
) -> None:
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)

    async def one_card(number: int) -> tuple[Facts | None, Facts | None]:
        card = await a_saved_card(vault, caller, customer_id=CustomerId(f"customer-{number}"))
        begin = (await vault.token_service.get(key_of(card))).at
        events = random_events(chance, key_of(card), begin, EVENTS // CARDS)
        shuffled = chance.sample(events, len(events)) + chance.sample(events, 3)  # some arrive twice
        for event in shuffled:
            await vault.token_events.apply("local", event)
        return in_the_right_order(card, events), await as_stored(vault, card)

    for expected, stored in await asyncio.gather(*map(one_card, range(CARDS))):
        assert expected == stored, f"seed {seed}"


async def test_concurrent_events_of_one_token_have_the_result_of_the_right_order(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    chance = random.Random(1)
    begin = (await vault.token_service.get(key_of(card))).at
    events = random_events(chance, key_of(card), begin, 30)

    async def apply(event: TokenEvent) -> None:
        for _ in range(len(events)):  # retried when other events change the token at the same time
            try:
                await vault.token_events.apply("local", event)
            except Exception:  # noqa: BLE001  # every failure is retried
                continue
            return

    await asyncio.gather(*(apply(event) for event in chance.sample(events, len(events))))
    assert await as_stored(vault, card) == in_the_right_order(card, events)
