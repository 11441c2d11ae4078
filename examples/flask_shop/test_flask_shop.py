"""The Flask shop's own tests, against an emulator that the fixtures of pytest-tokenvault start."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from cashfree_pg import CryptogramEntity
from flask_shop.app import create_app
from pytest_tokenvault import FaultControl, RequestControl, TokenVault, VaultWebhooks

CARD = {"card_number": "4706131211212123", "card_expiry_mm": "03", "card_expiry_yy": "2034"}


class RememberingAcquirer:
    """Approves every payment and remembers which cryptograms came."""

    def __init__(self) -> None:
        self.cryptograms: list[str | None] = []

    def __call__(self, order_id: str, amount: str, cryptogram: CryptogramEntity) -> bool:
        self.cryptograms.append(cryptogram.cryptogram)
        return True


@pytest.fixture
def acquirer() -> RememberingAcquirer:
    return RememberingAcquirer()


@pytest.fixture
def shop(token_vault_environment: dict[str, str], acquirer: RememberingAcquirer) -> FlaskClient:
    return create_app(acquirer).test_client()


@pytest.fixture
def live_shop(token_vault_environment: dict[str, str], acquirer: RememberingAcquirer) -> Iterator[str]:
    """The shop on a real socket."""
    server = make_server("127.0.0.1", 0, create_app(acquirer), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def save(shop: FlaskClient, customer: str = "asha", **changes: str) -> Any:
    return shop.post(f"/customers/{customer}/cards", json={"card": CARD | changes, "afa_reference": "740324562"})


def pay(shop: FlaskClient, card_id: str, order_id: str = "order_1") -> Any:
    order = {"card_id": card_id, "order_id": order_id, "amount": "499.00"}
    return shop.post("/customers/asha/payments", json=order)


def test_a_customer_sees_their_own_cards_only(shop: FlaskClient) -> None:
    card_id = save(shop).json["id"]
    assert shop.get("/customers/asha/cards").json == {"cards": [{"id": card_id, "label": "XXXXXXXXXXXX2123"}]}
    assert shop.get("/customers/ravi/cards").json == {"cards": []}


def test_every_order_has_a_cryptogram_of_its_own(shop: FlaskClient, acquirer: RememberingAcquirer) -> None:
    card_id = save(shop).json["id"]
    assert [pay(shop, card_id, order).status_code for order in ("order_1", "order_2")] == [200, 200]
    assert len(set(acquirer.cryptograms)) == 2


def test_a_button_pressed_twice_spends_one_cryptogram(shop: FlaskClient, acquirer: RememberingAcquirer) -> None:
    card_id = save(shop).json["id"]
    for _ in range(2):
        pay(shop, card_id)
    assert len(acquirer.cryptograms) == 2
    assert len(set(acquirer.cryptograms)) == 1


def test_a_card_that_cannot_be_tokenised_is_not_saved(
    shop: FlaskClient, vault_faults: FaultControl, vault_webhooks: VaultWebhooks
) -> None:
    vault_faults.add(tsp="down")
    assert save(shop).status_code == 502
    assert vault_webhooks.wait_for("INSTRUMENT_FAILED_WEBHOOK", customer="asha").attempt == 1
    vault_faults.clear()
    assert shop.get("/customers/asha/cards").json == {"cards": []}


def test_a_number_with_a_wrong_digit_is_the_customers_mistake(shop: FlaskClient) -> None:
    assert save(shop, card_number="4706131211212124").status_code == 400


def test_a_card_whose_token_expired_is_not_offered(
    shop: FlaskClient, token_vault: TokenVault, acquirer: RememberingAcquirer
) -> None:
    card_id = save(shop).json["id"]
    token_vault.cards.expire(card_id)
    assert shop.get("/customers/asha/cards").json == {"cards": []}
    assert pay(shop, card_id).status_code == 410
    assert acquirer.cryptograms == []


def test_a_removed_card_cannot_pay(shop: FlaskClient) -> None:
    card_id = save(shop).json["id"]
    assert shop.delete(f"/customers/asha/cards/{card_id}").json == {"removed": card_id}
    assert pay(shop, card_id).status_code == 410


def test_the_customer_of_the_third_payment_is_asked_to_wait(
    shop: FlaskClient, vault_faults: FaultControl, vault_requests: RequestControl
) -> None:
    card_id = save(shop).json["id"]
    vault_faults.add(operation="fetch_cryptogram", nth=3, status=429)
    assert [pay(shop, card_id, f"order_{number}").status_code for number in range(3)] == [200, 200, 503]
    vault_requests.expect(operation="fetch_cryptogram", count=3)


def test_a_connection_that_breaks_does_not_spend_a_second_cryptogram(
    shop: FlaskClient, vault_faults: FaultControl, acquirer: RememberingAcquirer
) -> None:
    card_id = save(shop).json["id"]
    vault_faults.add(operation="fetch_cryptogram", connection="reset", times=1)
    assert pay(shop, card_id).status_code == 200  # the drop-in repeats the call, with the same key
    assert len(acquirer.cryptograms) == 1


def test_the_shop_hears_of_its_cards_by_webhook(
    shop: FlaskClient, live_shop: str, token_vault: TokenVault, vault_webhooks: VaultWebhooks
) -> None:
    import urllib.request

    vault_webhooks.send_to(f"{live_shop}/webhooks")
    card_id = save(shop).json["id"]
    assert vault_webhooks.wait_for("INSTRUMENT_ACTIVE_WEBHOOK").outcome == "delivered"
    with urllib.request.urlopen(f"{live_shop}/cards/{card_id}/state") as answer:
        assert answer.read().strip() == b'{"state":"ACTIVE"}'


def test_a_forged_webhook_is_refused(shop: FlaskClient, vault_webhooks: VaultWebhooks) -> None:
    card_id = save(shop).json["id"]
    webhook = vault_webhooks.wait_for("INSTRUMENT_ACTIVE_WEBHOOK")
    assert (
        shop.post("/webhooks", data=webhook.body.replace(b"ACTIVE", b"FAILED"), headers=webhook.headers).status_code
        == 400
    )
    assert shop.post("/webhooks", data=webhook.body, headers=webhook.headers).status_code == 200
    assert shop.get(f"/cards/{card_id}/state").json == {"state": "ACTIVE"}
