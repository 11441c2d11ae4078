"""Operators suspend and resume saved cards, and try cryptograms of the built-in token services."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from click.testing import CliRunner, Result

from tests.support.builders import CUSTOMER, a_merchant, a_saved_card, settings_in
from tests.support.clock import SettableClock
from tests.support.second_tsp import SecondTsp
from tests.support.tsp import behind
from tokenvault_server.bootstrap import open_vault
from tokenvault_server.cli import tokenvault
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.errors import InstrumentInactiveError, OnlyTestCryptogramsError, SuspensionNotSupportedError


class Card(NamedTuple):
    """A saved card in a vault that no process has open."""

    folder: Path
    which: tuple[str, str, str]

    def run(self, *arguments: str, text: str | None = None) -> Result:
        return CliRunner().invoke(tokenvault, [*arguments, "--data", str(self.folder)], input=text)

    def lines(self, *arguments: str) -> str:
        result = self.run(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    def issued(self, *options: str) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.lines("cryptogram", "issue", *self.which, *options))
        return body

    def verified(self, body: dict[str, Any], *options: str) -> str:
        result = self.run("cryptogram", "verify", "--merchant", self.which[0], *options, text=json.dumps(body))
        return result.stdout.strip()


async def save(folder: Path, *, is_foreign: bool) -> Card:
    clock = SystemClock()
    vault = await open_vault(settings_in(folder), clock, initialise=True)
    caller = await a_merchant(vault)
    saving = behind(vault, vault.engine, SecondTsp(SettableClock(clock.now()))) if is_foreign else vault
    saved = await a_saved_card(saving, caller)
    await vault.close()
    return Card(folder, (caller.merchant_id, CUSTOMER, saved.instrument.instrument_id))


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return asyncio.run(save(tmp_path, is_foreign=False))


def status_of(card: Card) -> str:
    (row,) = json.loads(card.lines("cards", "list", "--json"))
    return str(row["status"])


def test_a_card_is_suspended_and_resumed(card: Card) -> None:
    assert card.lines("cards", "suspend", *card.which) == "the token is SUSPENDED by its requestor\n"
    assert status_of(card) == "INACTIVE"
    assert isinstance(card.run("cryptogram", "issue", *card.which).exception, InstrumentInactiveError)
    assert card.lines("cards", "resume", *card.which, "--reason", "found again") == "the token is ACTIVE\n"
    assert status_of(card) == "ACTIVE"


def test_a_cryptogram_verifies_once(card: Card) -> None:
    body = card.issued()
    assert [card.verified(body) for _ in range(2)] == ["verified", "replayed"]


def test_a_cryptogram_for_an_amount_verifies_for_that_amount_alone(card: Card) -> None:
    body = card.issued("--amount", "49900")
    assert card.verified(body) == "wrong_amount"
    assert card.verified(body, "--amount", "100") == "wrong_amount"
    assert card.verified(body, "--amount", "49900", "--currency", "840") == "wrong_amount"
    assert card.verified(body, "--amount", "49900") == "verified"


def test_a_merchant_initiated_cryptogram_verifies_too(card: Card) -> None:
    assert card.verified(card.issued("--merchant-initiated")) == "verified"


@pytest.mark.parametrize("options", [("--amount", "-1"), ("--amount", "1", "--currency", "INR")])
def test_an_amount_that_cannot_be_one_is_a_usage_error(card: Card, options: tuple[str, ...]) -> None:
    assert card.run("cryptogram", "issue", *card.which, *options).exit_code == 2


def test_cards_of_another_provider_get_no_cryptogram_here_and_wait_for_their_provider(tmp_path: Path) -> None:
    card = asyncio.run(save(tmp_path, is_foreign=True))
    assert isinstance(card.run("cryptogram", "issue", *card.which).exception, OnlyTestCryptogramsError)
    failed = card.run("cards", "suspend", *card.which).exception
    assert "[tsp.second]" in getattr(failed, "hint", "")
    assert not isinstance(failed, SuspensionNotSupportedError)


def test_the_doctor_shows_providers_and_routes(card: Card) -> None:
    found = {each["check"]: each["message"] for each in json.loads(card.run("doctor", "--json").stdout)["checks"]}
    assert found["token service local"] == ("for tests, amex/diners/mastercard/rupay/visa, suspends, binds amounts")
    assert found["routes"] == "visa: local, mastercard: local, rupay: local, amex: local, diners: local"
