"""An emulator's ready-made merchant and demo card survive restarts; its announcement is an interface."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.clock import SettableClock
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.identifiers import ClientId, CustomerId, MerchantId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.secret import Secret
from tokenvault_server.emulator.announcement import Announcement, DemoCard, as_json, as_text
from tokenvault_server.emulator.credentials import FILE, ready_made
from tokenvault_server.emulator.demo import save_demo_card

ANNOUNCEMENT = Announcement(
    base_url="http://127.0.0.1:8480/pg",
    client_id="TEST1",
    client_secret="tvsk_secret",
    partner_api_key="tvpk_key",
    partner_merchant_id="mer_1",
    webhook_secret="tvsk_secret",
    console_url="http://127.0.0.1:8481/",
    control_url="http://127.0.0.1:8481/_emulator/token",
)


async def test_the_ready_made_merchant_can_authenticate(vault: Vault, tmp_path: Path) -> None:
    made = await ready_made(vault.merchants, vault.partners, tmp_path)
    digest = await vault.sealer.digest(Secret(made.client_secret))
    merchant, (secret,) = await vault.merchants.secrets_of_client(ClientId(made.client_id))
    assert merchant is not None
    assert (merchant.merchant_id, secret.digest) == (made.merchant_id, digest)
    assert made.client_id.startswith("TEST")


async def test_the_ready_made_partner_acts_for_the_merchant(vault: Vault, tmp_path: Path) -> None:
    made = await ready_made(vault.merchants, vault.partners, tmp_path)
    digest = await vault.sealer.digest(Secret(made.partner_api_key))
    assert await vault.partners.acting_for(MerchantId(made.merchant_id), digest)


async def test_a_restart_keeps_the_credentials(vault: Vault, tmp_path: Path) -> None:
    assert await ready_made(vault.merchants, vault.partners, tmp_path) == await ready_made(
        vault.merchants, vault.partners, tmp_path
    )
    assert len(await vault.merchants.list()) == 1


async def test_only_the_owner_can_read_the_credentials(vault: Vault, tmp_path: Path) -> None:
    made = await ready_made(vault.merchants, vault.partners, tmp_path)
    assert mode_of(tmp_path / FILE) == 0o600
    assert made.client_secret not in repr(made)


def mode_of(file: Path) -> int:
    return file.stat().st_mode & 0o777


async def test_the_demo_card_is_saved_once(vault: Vault, clock: SettableClock) -> None:
    merchant_id = (await vault.merchants.add("Shop", "tests")).merchant.merchant_id
    first = await save_demo_card(vault.engine, vault.instruments, clock, merchant_id)
    assert await save_demo_card(vault.engine, vault.instruments, clock, merchant_id) == first
    saved = await vault.instruments.fetch_all(Caller(merchant_id, "tests"), CustomerId(first.customer_id))
    assert [card.instrument.instrument_id for card in saved] == [first.instrument_id]


async def test_the_demo_card_never_expires(vault: Vault, clock: SettableClock) -> None:
    clock.advance(days=365 * 20)
    merchant_id = (await vault.merchants.add("Shop", "tests")).merchant.merchant_id
    card = await save_demo_card(vault.engine, vault.instruments, clock, merchant_id)
    assert card.customer_id == "demo_customer"


def test_the_json_announcement_has_these_names_on_one_line() -> None:
    line = as_json(ANNOUNCEMENT)
    assert "\n" not in line
    assert list(json.loads(line)) == [
        "base_url",
        "client_id",
        "client_secret",
        "partner_api_key",
        "partner_merchant_id",
        "webhook_secret",
        "console_url",
        "control_url",
    ]


def test_the_text_announcement_has_addresses_and_credentials() -> None:
    text = as_text(ANNOUNCEMENT, None)
    for value in ("http://127.0.0.1:8480/pg", "TEST1", "tvsk_secret", "http://127.0.0.1:8481/"):
        assert value in text
    assert "curl" not in text


def test_with_a_demo_card_the_announcement_has_a_command_to_try() -> None:
    text = as_text(ANNOUNCEMENT, DemoCard("demo_customer", "ins_1"))
    assert "curl -s http://127.0.0.1:8480/pg/customers/demo_customer/instruments/ins_1/cryptogram" in text


def test_the_repr_of_an_announcement_shows_no_secret() -> None:
    assert "secret" not in repr(ANNOUNCEMENT)
