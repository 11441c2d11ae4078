"""The FastAPI shop's own tests: asynchronous, against an emulator that the fixtures of pytest-tokenvault start."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from fastapi_shop.app import create_app
from pytest_tokenvault import ClockControl, FaultControl, RequestControl, TokenVault, VaultWebhooks
from tokenvault_client import AsyncClient, Cryptogram

CARD = {"card_number": "4706131211212123", "card_expiry_mm": "03", "card_expiry_yy": "2034"}

pytestmark = pytest.mark.anyio


class RememberingAcquirer:
    """Approves every payment and remembers which cryptograms came."""

    def __init__(self) -> None:
        self.cryptograms: list[str] = []

    async def __call__(self, order_id: str, amount: str, cryptogram: Cryptogram) -> bool:
        self.cryptograms.append(cryptogram.cryptogram)
        return True


class Shop:
    """The shop, called without a socket."""

    def __init__(self, app: Any) -> None:
        self._transport = httpx2.ASGITransport(app=app)

    async def ask(self, method: str, path: str, **content: Any) -> httpx2.Response:
        async with httpx2.AsyncClient(transport=self._transport, base_url="http://shop") as browser:
            return await browser.request(method, path, **content)

    async def cards(self, customer: str = "asha") -> Any:
        return (await self.ask("GET", f"/customers/{customer}/cards")).json()

    async def save(self, **changes: str) -> httpx2.Response:
        return await self.ask(
            "POST", "/customers/asha/cards", json={"card": CARD | changes, "afa_reference": "740324562"}
        )

    async def pay(self, card_id: str, order_id: str = "order_1") -> int:
        order = {"card_id": card_id, "order_id": order_id, "amount": "499.00"}
        return (await self.ask("POST", "/customers/asha/payments", json=order)).status_code


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def acquirer() -> RememberingAcquirer:
    return RememberingAcquirer()


@pytest.fixture
def shop(token_vault: TokenVault, async_token_vault_client: AsyncClient, acquirer: RememberingAcquirer) -> Shop:
    return Shop(create_app(async_token_vault_client, acquirer, token_vault.webhook_secret))


async def test_a_customer_sees_their_own_cards_only(shop: Shop) -> None:
    card_id = (await shop.save()).json()["id"]
    assert await shop.cards() == [{"id": card_id, "label": "XXXXXXXXXXXX2123"}]
    assert await shop.cards("ravi") == []


async def test_every_order_has_a_cryptogram_of_its_own(shop: Shop, acquirer: RememberingAcquirer) -> None:
    card_id = (await shop.save()).json()["id"]
    assert [await shop.pay(card_id, order) for order in ("order_1", "order_2")] == [200, 200]
    assert len(set(acquirer.cryptograms)) == 2


async def test_a_button_pressed_twice_spends_one_cryptogram(shop: Shop, acquirer: RememberingAcquirer) -> None:
    card_id = (await shop.save()).json()["id"]
    assert [await shop.pay(card_id) for _ in range(2)] == [200, 200]
    assert len(set(acquirer.cryptograms)) == 1


async def test_a_card_that_cannot_be_tokenised_is_not_saved(
    shop: Shop, vault_faults: FaultControl, vault_webhooks: VaultWebhooks
) -> None:
    vault_faults.add(tsp="down")
    assert (await shop.save()).status_code == 502
    assert vault_webhooks.wait_for("INSTRUMENT_FAILED_WEBHOOK", customer="asha").attempt == 1
    assert await shop.cards() == []


async def test_a_number_with_a_wrong_digit_is_the_customers_mistake(shop: Shop) -> None:
    assert (await shop.save(card_number="4706131211212124")).status_code == 400


async def test_a_card_whose_token_expired_cannot_pay(
    shop: Shop, vault_clock: ClockControl, acquirer: RememberingAcquirer
) -> None:
    card_id = (await shop.save()).json()["id"]
    vault_clock.advance(days=5 * 365)
    assert await shop.pay(card_id) == 410
    assert acquirer.cryptograms == []


async def test_a_suspended_card_is_offered_again_when_its_bank_resumes_it(shop: Shop, token_vault: TokenVault) -> None:
    card_id = (await shop.save()).json()["id"]
    token_vault.cards.suspend(card_id)
    assert await shop.cards() == []
    token_vault.cards.resume(card_id)
    assert [card["id"] for card in await shop.cards()] == [card_id]


async def test_a_removed_card_cannot_pay(shop: Shop) -> None:
    card_id = (await shop.save()).json()["id"]
    await shop.ask("DELETE", f"/customers/asha/cards/{card_id}")
    assert await shop.pay(card_id) == 410


async def test_the_customer_of_the_third_payment_is_asked_to_wait(
    shop: Shop, vault_faults: FaultControl, vault_requests: RequestControl
) -> None:
    card_id = (await shop.save()).json()["id"]
    vault_faults.add(operation="fetch_cryptogram", nth=3, status=429)
    assert [await shop.pay(card_id, f"order_{number}") for number in range(3)] == [200, 200, 503]
    vault_requests.expect(operation="fetch_cryptogram", count=3)


async def test_webhooks_are_taken_and_forged_ones_refused(shop: Shop, vault_webhooks: VaultWebhooks) -> None:
    card_id = (await shop.save()).json()["id"]
    webhook = vault_webhooks.wait_for("INSTRUMENT_ACTIVE_WEBHOOK")
    forged = webhook.body.replace(b"ACTIVE", b"FAILED")
    assert (await shop.ask("POST", "/webhooks", content=forged, headers=webhook.headers)).status_code == 400
    assert (await shop.ask("POST", "/webhooks", content=webhook.body, headers=webhook.headers)).status_code == 200
    assert (await shop.ask("GET", f"/cards/{card_id}/state")).json() == "ACTIVE"
