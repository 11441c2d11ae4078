"""No counter value is ever used twice: several tokens, many callers at once."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

from tests.scenarios.expectations import counter_of
from tests.support.builders import MASTERCARD, RUPAY, VISA, a_cryptogram, a_merchant, a_request, settings_in
from tests.support.builders import a_saved_card as save_card
from tests.support.effort import effort
from tests.support.emulator_process import Emulator, instruments
from tokenvault_server.bootstrap import open_vault
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.tsp.local.issuer import LocalTokenService
from tokenvault_server.tsp.provider import CryptogramContext, TokenKey

CALLERS = 128
IN_PROCESS = effort(3_000, 100_000)
THROUGH_THE_VAULT = effort(1_000, 4_000)
OVER_HTTP = effort(400, 2_000)
THREADS = 8

Spent = tuple[str, int | None]


def test_every_cryptogram_of_the_token_service_has_its_own_counter_value(tmp_path: Path) -> None:
    spent = asyncio.run(at_the_token_service(tmp_path))
    assert_each_once(spent, IN_PROCESS)


def test_callers_of_one_vault_spend_different_counter_values(tmp_path: Path) -> None:
    spent = asyncio.run(through_the_vault(tmp_path))
    assert_each_once(spent, THROUGH_THE_VAULT)


def test_callers_over_http_spend_different_counter_values(running: Emulator) -> None:
    cards = [running.save("counters", pan)["instrument_id"] for pan in (VISA, VISA, MASTERCARD)]
    with ThreadPoolExecutor(THREADS) as threads:
        spent = [each for part in threads.map(over_http, repeat(running), [cards] * THREADS) for each in part]
    assert_each_once(spent, OVER_HTTP)


def assert_each_once(spent: list[Spent], expected: int) -> None:
    """Check that no counter value is used twice and that, as nothing failed, none is left out."""
    assert len(spent) == len(set(spent)) == expected
    highest = Counter(token for token, _ in spent)
    assert dict(sorted(spent, key=lambda each: (each[0], each[1] or 0))) == highest


async def at_the_token_service(folder: Path) -> list[Spent]:
    vault = await open_vault(settings_in(folder), SystemClock(), initialise=True)
    try:
        service = vault.token_service
        pans = (VISA, MASTERCARD, RUPAY)
        grants = [await service.provision(a_request(pan, customer_id=f"customer-{n}")) for pan in pans for n in (1, 2)]
        references = [grants[number % len(grants)].token_reference for number in range(CALLERS)]
        shares = [IN_PROCESS // CALLERS + (number < IN_PROCESS % CALLERS) for number in range(CALLERS)]
        parts = await asyncio.gather(*map(_issue, repeat(service), references, shares))
        return [each for part in parts for each in part]
    finally:
        await vault.close()


async def _issue(service: LocalTokenService, reference: str, share: int) -> list[Spent]:
    issued = [
        await service.cryptogram(TokenKey(MerchantId("mer_1"), reference), CryptogramContext()) for _ in range(share)
    ]
    assert all(counter_of(cryptogram.value.reveal()) == cryptogram.atc for cryptogram in issued)
    return [(reference, cryptogram.atc) for cryptogram in issued]


async def through_the_vault(folder: Path) -> list[Spent]:
    vault = await open_vault(settings_in(folder), SystemClock(), initialise=True)
    try:
        merchants = [await a_merchant(vault, name) for name in ("one", "two")]
        cards = [(caller, await save_card(vault, caller, pan)) for caller in merchants for pan in (VISA, RUPAY)]
        work = [a_cryptogram(vault, *cards[number % len(cards)]) for number in range(THROUGH_THE_VAULT)]
        issued = [each.cryptogram for each in await asyncio.gather(*work)]
        return [(cryptogram.token_pan.reveal(), cryptogram.atc) for cryptogram in issued]
    finally:
        await vault.close()


def over_http(running: Emulator, cards: list[str]) -> list[Spent]:
    spent: list[Spent] = []
    with running.connection() as connection:
        for number in range(OVER_HTTP // THREADS):
            path = instruments("counters", cards[number % len(cards)]) + "/cryptogram"
            message = connection.ask("GET", path).json()
            spent.append((message["card_number"], counter_of(message["cryptogram"])))
    return spent
