"""The bodies of webhook events, in each published version, and which event follows what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.properties.test_orders import new_order, new_payment, new_refund
from tests.server.emulator.payments.shop import CARD, Shop
from tests.support.builders import sql
from tests.support.clock import NOW, SettableClock
from tokenvault_contract.payment_webhooks import VERSIONS
from tokenvault_server.bootstrap import Vault
from tokenvault_server.emulator.payments import states
from tokenvault_server.emulator.payments.events import payment_body, refund_body
from tokenvault_server.emulator.payments.records import Order

OLD, NEW = VERSIONS


def paid() -> Order:
    order = states.start(new_order(), new_payment(1, NOW))
    return states.succeed(order, order.payments[0], NOW)


@pytest.mark.parametrize("version", VERSIONS)
def test_an_event_about_a_payment_has_the_published_fields(version: str) -> None:
    order = paid()
    body = payment_body(order, order.payments[0], NOW, version)
    event = json.loads(body)
    assert set(event) == {"data", "event_time", "type"}
    assert set(event["data"]) == {
        "order",
        "payment",
        "customer_details",
        "payment_gateway_details",
        "payment_offers",
    }
    added = {"international_payment", "payment_surcharge"} if version == NEW else set()
    assert set(event["data"]["payment"]) == added | {
        "cf_payment_id",
        "payment_status",
        "payment_amount",
        "payment_currency",
        "payment_message",
        "payment_time",
        "bank_reference",
        "auth_id",
        "payment_method",
        "payment_group",
    }
    assert event["type"] == "PAYMENT_SUCCESS_WEBHOOK"
    assert event["event_time"] == "2026-11-22T14:15:30+05:30"
    assert b'"payment_amount":100.00,' in body  # two decimals, which a program that parses and writes it loses


@pytest.mark.parametrize("version", VERSIONS)
def test_an_event_about_a_failure_says_why(version: str) -> None:
    order = states.start(new_order(), new_payment(1, NOW))
    order = states.fail(order, order.payments[0], NOW, states.WRONG_OTP)
    event = json.loads(payment_body(order, order.payments[0], NOW, version))
    assert event["type"] == "PAYMENT_FAILED_WEBHOOK"
    assert event["data"]["error_details"]["error_code"] == "AUTHENTICATION_FAILED"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_event_about_a_refund_has_the_published_fields(version: str) -> None:
    order = states.refund(paid(), new_refund(1, 200, NOW))
    body = refund_body(order, states.processed(order.refunds[0], NOW), NOW, version)
    refund = json.loads(body)["data"]["refund"]
    own = {
        OLD: {"refund_charge", "metadata", "refund_mode"},
        NEW: {"requested_speed", "processed_speed", "service_charge", "service_tax"},
    }
    assert own[version] <= set(refund)
    assert not own[OLD if version == NEW else NEW] & set(refund)
    assert (refund["entity"], refund["cf_refund_id"], refund["refund_status"]) == ("Refund", 7, "SUCCESS")
    assert b'"refund_amount":2.00,' in body


async def test_every_end_causes_one_event(shop: Shop, vault: Vault, clock: SettableClock) -> None:
    merchant_id = shop.client.merchant.merchant.merchant_id
    await vault.webhooks.add(merchant_id, "http://127.0.0.1:9/hook", "tests")
    await shop.paid(save_instrument=True)
    await shop.refund(100)
    order = await shop.order("order_2")
    await shop.start(order, {"channel": "link", **CARD})
    clock.advance(minutes=20)
    await shop.journey.payments.ledger.advance()
    await shop.journey.payments.ledger.advance()
    rows: list[Any] = await sql(vault.engine, "SELECT event_type FROM webhook_events ORDER BY event_type")
    assert [each for (each,) in rows] == [
        "INSTRUMENT_ACTIVE_WEBHOOK",
        "PAYMENT_SUCCESS_WEBHOOK",
        "PAYMENT_USER_DROPPED_WEBHOOK",
        "REFUND_STATUS_WEBHOOK",
    ]
