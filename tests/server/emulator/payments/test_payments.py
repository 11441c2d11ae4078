"""Orders are created, paid by card, and keep what they were paid with, through the API's own pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.server.emulator.payments.shop import CARD, CUSTOMER, Shop, order_body
from tests.support.builders import FOREIGN, VISA, stored_in
from tests.support.clock import SettableClock
from tokenvault_contract.payment_operations import PAYMENT_OPERATIONS
from tokenvault_server.bootstrap import Api, Vault


async def test_a_payment_with_the_right_otp_pays_the_order_and_saves_the_card(shop: Shop) -> None:
    cf_payment_id = await shop.paid(save_instrument=True)
    assert await shop.status() == "PAID"
    listed = await shop.client.call()
    (card,) = listed.body
    payment = await shop.payment("order_1", cf_payment_id)
    assert (card["afa_reference"], card["customer_id"]) == (cf_payment_id, CUSTOMER)
    assert payment["payment_method"]["card"]["instrument_id"] == card["instrument_id"]


async def test_a_card_is_saved_only_if_the_customer_agreed(shop: Shop) -> None:
    await shop.paid()
    assert (await shop.client.call()).body == []


async def test_a_failed_payment_saves_nothing(shop: Shop) -> None:
    cf_payment_id = await shop.start(await shop.order(), save_instrument=True)
    for _ in range(3):
        await shop.authenticate(cf_payment_id, "000000")
    assert (await shop.payment("order_1", cf_payment_id))["payment_status"] == "FAILED"
    assert (await shop.client.call()).body == []


async def test_the_fourth_otp_exceeds_the_attempts(shop: Shop) -> None:
    cf_payment_id = await shop.start(await shop.order())
    for _ in range(3):
        assert (await shop.authenticate(cf_payment_id, "000000")).body["authenticate_status"] == "FAILED"
    refused = await shop.authenticate(cf_payment_id)
    assert (refused.status, refused.body["message"]) == (400, "Exceeded retry attempts")
    assert await shop.status() == "ACTIVE"


async def test_an_otp_after_its_time_is_too_late(shop: Shop, clock: SettableClock) -> None:
    cf_payment_id = await shop.start(await shop.order())
    clock.advance(minutes=5)
    refused = await shop.authenticate(cf_payment_id)
    assert (refused.status, refused.body["message"]) == (400, "Transaction is already processed")
    assert (await shop.payment("order_1", cf_payment_id))["payment_status"] == "USER_DROPPED"


async def test_an_otp_is_sent_again_twice_and_not_too_soon(shop: Shop, clock: SettableClock) -> None:
    cf_payment_id = await shop.start(await shop.order())
    assert (await shop.authenticate(cf_payment_id, None)).body["code"] == "request_invalid"
    for _ in range(2):
        clock.advance(seconds=30)
        assert (await shop.authenticate(cf_payment_id, None)).body["authenticate_status"] == "SUCCESS"
    clock.advance(seconds=30)
    assert (await shop.authenticate(cf_payment_id, None)).body["message"] == "Exceeded retry attempts"


async def test_an_otp_may_be_a_number_as_on_cashfrees_page(shop: Shop) -> None:
    answer = await shop.authenticate(await shop.start(await shop.order()), 111000)
    assert answer.body["payment_message"] == "payment successful"


async def test_a_saved_card_pays_without_its_cvv(shop: Shop) -> None:
    instrument_id = await shop.saved()
    cf_payment_id = await shop.start(await shop.order(), {"instrument_id": instrument_id})
    await shop.authenticate(cf_payment_id)
    payment = await shop.payment("order_1", cf_payment_id)
    assert (payment["payment_status"], payment["payment_method"]["card"]["instrument_id"]) == (
        "SUCCESS",
        instrument_id,
    )


async def test_a_card_that_is_deleted_meanwhile_is_declined(shop: Shop) -> None:
    instrument_id = await shop.saved()
    cf_payment_id = await shop.start(await shop.order(), {"instrument_id": instrument_id})
    await shop.client.call("DELETE", f"/pg/customers/{CUSTOMER}/instruments/{instrument_id}")
    await shop.authenticate(cf_payment_id)
    payment = await shop.payment("order_1", cf_payment_id)
    assert (payment["payment_status"], payment["error_details"]["error_code_raw"]) == ("FAILED", "instrument_not_found")


async def declined(shop: Shop, token: dict[str, str], order_id: str = "order_1") -> str | None:
    """Pay with a token and return the bank's reason, if it declined."""
    cf_payment_id = await shop.start(await shop.order(order_id), token)
    await shop.authenticate(cf_payment_id)
    details = (await shop.payment(order_id, cf_payment_id))["error_details"]
    return str(details["error_code_raw"]) if details else None


async def test_a_token_pays_with_a_cryptogram_once(shop: Shop) -> None:
    token = await shop.token(await shop.saved())
    assert await declined(shop, token) is None
    assert await declined(shop, token, "order_2") == "replayed"


async def test_an_expired_cryptogram_is_declined(shop: Shop, clock: SettableClock) -> None:
    token = await shop.token(await shop.saved())
    clock.advance(minutes=20)
    assert await declined(shop, token) == "expired"


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("cryptogram", "AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "malformed"),
        ("token_requestor_id", "11111111111", "forged"),
        ("card_number", VISA, "unknown_token"),
    ],
)
async def test_a_cryptogram_for_something_else_is_declined(shop: Shop, field: str, value: str, reason: str) -> None:
    token = await shop.token(await shop.saved()) | {field: value}
    assert await declined(shop, token) == reason


async def test_a_cryptogram_of_another_merchant_is_declined(shop: Shop, vault: Vault) -> None:
    token = await shop.token(await shop.saved())
    other = Shop(type(shop.client)(vault, shop.client.pipeline, await vault.merchants.add("B", "tests")), shop.journey)
    assert await declined(other, token) == "wrong_merchant"


async def test_of_two_payments_of_an_order_the_second_fails(shop: Shop) -> None:
    order = await shop.order()
    first, second = await shop.start(order), await shop.start(order)
    await shop.authenticate(first)
    assert (await shop.authenticate(second)).body["payment_message"] == "payment failed"
    payment = await shop.payment("order_1", second)
    assert payment["error_details"]["error_code"] == "ORDER_ALREADY_PAID"


async def test_an_order_expires_once_no_payment_is_in_progress(shop: Shop, clock: SettableClock) -> None:
    order = await shop.order(order_expiry_time="2026-11-22T08:50:00+00:00")
    clock.advance(minutes=2)
    cf_payment_id = await shop.start(order, {"channel": "link", **CARD})
    clock.advance(minutes=4)
    assert await shop.status() == "ACTIVE"
    assert (await shop.pay(order)).body["code"] == "orderpay_not_found"
    clock.advance(minutes=12)
    assert await shop.status() == "EXPIRED"
    assert (await shop.payment("order_1", cf_payment_id))["payment_status"] == "USER_DROPPED"


async def test_an_order_is_terminated_at_once_or_after_its_payment(shop: Shop, clock: SettableClock) -> None:
    await shop.order()
    body = {"order_status": "TERMINATED"}
    assert (await shop.ask("PATCH", "/orders/order_1", body)).body["order_status"] == "TERMINATED"
    await shop.start(await shop.order("order_2"))
    assert (await shop.ask("PATCH", "/orders/order_2", body)).body["order_status"] == "TERMINATION_REQUESTED"
    clock.advance(minutes=5)
    assert await shop.status("order_2") == "TERMINATED"


async def test_a_payment_that_succeeds_is_stronger_than_a_termination(shop: Shop) -> None:
    cf_payment_id = await shop.start(await shop.order())
    await shop.ask("PATCH", "/orders/order_1", {"order_status": "TERMINATED"})
    await shop.authenticate(cf_payment_id)
    assert await shop.status() == "PAID"


async def test_refunds_are_processed_in_time_and_never_exceed_the_order(shop: Shop, clock: SettableClock) -> None:
    await shop.paid()
    pending = await shop.refund(100)
    assert (pending.body["refund_status"], pending.body["processed_at"]) == ("PENDING", None)
    assert (await shop.refund(70.51, "refund_2")).body["code"] == "refund_amount_invalid"
    assert (await shop.refund(70.5, "refund_3")).status == 200
    clock.advance(minutes=10)
    done = await shop.ask("GET", "/orders/order_1/refunds/refund_1")
    assert (done.body["refund_status"], len(done.body["refund_arn"])) == ("SUCCESS", 12)
    listed = await shop.ask("GET", "/orders/order_1/refunds")
    assert [each["refund_id"] for each in listed.body] == ["refund_1", "refund_3"]


async def test_a_repeated_refund_is_made_once(shop: Shop) -> None:
    await shop.paid()
    first = await shop.refund(100)
    assert (await shop.refund(100)).body == first.body
    assert (await shop.refund(99)).body["code"] == "refund_id_already_exists"


async def test_an_order_that_is_not_paid_is_not_refunded(shop: Shop) -> None:
    await shop.order()
    refused = await shop.refund(1)
    assert (refused.status, refused.body["code"]) == (409, "refund_not_allowed")


@pytest.mark.parametrize(
    ("status", "code", "payment", "order"),
    [
        ("SUCCESS", None, "SUCCESS", "PAID"),
        ("FAILED", "ISSUER_NOT_AVAILABLE", "FAILED", "ACTIVE"),
        ("USER_DROPPED", None, "USER_DROPPED", "ACTIVE"),
        ("PENDING", None, "PENDING", "ACTIVE"),
    ],
)
async def test_a_simulation_ends_a_payment(shop: Shop, status: str, code: str | None, payment: str, order: str) -> None:
    cf_payment_id = await shop.start(await shop.order(), {"channel": "link", **CARD})
    wanted = {"payment_status": status, "payment_error_code": code}
    body = {"entity": "PAYMENTS", "entity_id": cf_payment_id, "entity_simulation": wanted}
    simulated = await shop.ask("POST", "/simulate", body)
    fetched = await shop.ask("GET", f"/simulate/{simulated.body['simulation_id']}")
    assert fetched.body == simulated.body == {**body, "simulation_id": simulated.body["simulation_id"]}
    shown = await shop.payment("order_1", cf_payment_id)
    assert (shown["payment_status"], await shop.status()) == (payment, order)
    if code:
        assert shown["error_details"]["error_code"] == code


async def test_an_idempotency_key_starts_one_payment(shop: Shop) -> None:
    order = await shop.order()
    body = {"payment_session_id": order["payment_session_id"], "payment_method": {"card": {"channel": "post", **CARD}}}
    answers = [
        await shop.ask_without_credentials("POST", "/orders/sessions", body, x_idempotency_key="k1") for _ in range(2)
    ]
    assert answers[0].body == answers[1].body
    assert answers[1].headers["x-idempotency-replayed"] == "true"
    assert len((await shop.ask("GET", "/orders/order_1/payments")).body) == 1


async def test_calls_of_a_session_count_against_the_address(shop: Shop) -> None:
    answer = await shop.pay(await shop.order())
    assert (answer.headers["x-ratelimit-type"], answer.headers["x-ratelimit-remaining"]) == ("ip", "199")


async def test_guessed_sessions_exhaust_the_address(shop: Shop) -> None:
    codes = [(await shop.pay({"payment_session_id": f"session_{each}"})).status for each in range(201)]
    assert codes == [400] * 200 + [429]


async def test_a_suspended_merchants_orders_are_not_paid(shop: Shop, vault: Vault) -> None:
    order = await shop.order()
    await vault.account_states.suspend_merchant(shop.client.merchant.merchant.merchant_id, "tests", "test")
    assert (await shop.pay(order)).body["code"] == "merchant_suspended"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"order_amount": None}, "order_amount_missing"),
        ({"order_amount": 0.5}, "order_amount_invalid"),
        ({"order_amount": 10.001}, "order_amount_invalid"),
        ({"order_amount": 1e300}, "order_amount_invalid"),
        ({"order_amount": "10"}, "order_amount_invalid"),
        ({"order_currency": "XYZ"}, "order_currency_invalid"),
        ({"order_id": "a b"}, "order_id_invalid"),
        ({"order_id": VISA}, "order_id_invalid"),
        ({"customer_details": None}, "customer_details_missing"),
        ({"customer_details": {"customer_id": "c"}}, "customer_details.customer_phone_missing"),
        (
            {"customer_details": {"customer_id": "c", "customer_phone": "1"}},
            "customer_details.customer_phone_invalid",
        ),
        (
            {"customer_details": {"customer_id": VISA, "customer_phone": "9999999999"}},
            "customer_details.customer_id_invalid",
        ),
        ({"order_expiry_time": "2020-01-01T00:00:00Z"}, "order_expiry_time_invalid"),
        ({"order_expiry_time": "2027-01-01T00:00:00"}, "order_expiry_time_invalid"),
        ({"order_meta": {"return_url": "javascript:alert(1)"}}, "order_meta.return_url_invalid"),
        ({"order_note": f"card {VISA}"}, "order_note_invalid"),
        ({"order_tags": {"a": VISA}}, "order_tags_invalid"),
    ],
)
async def test_an_order_with_an_invalid_field_is_refused(shop: Shop, fields: dict[str, Any], code: str) -> None:
    answer = await shop.ask("POST", "/orders", order_body(**fields))
    assert (answer.status, answer.body["code"]) == (400, code)
    assert VISA not in answer.raw.decode()


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"card_cvv": None}, 400, "card_cvv_missing"),
        ({"card_cvv": "1"}, 400, "card_cvv_invalid"),
        ({"card_number": "4706131211212124"}, 400, "card_number_invalid"),
        ({"card_number": FOREIGN}, 400, "card_not_supported"),
        ({"card_expiry_mm": "13"}, 400, "card_expiry_invalid"),
        ({"card_expiry_yy": "20"}, 400, "card_expiry_invalid"),
        ({"channel": None}, 400, "channel_missing"),
        ({"channel": "qrcode"}, 400, "channel_invalid"),
        ({"instrument_id": "01980000-0000-7000-8000-000000000000"}, 404, "instrument_not_found"),
        ({"emi_tenure": 3}, 501, "not_emulated"),
        ({"token_type": "NETWORK_GC_TOKEN"}, 501, "not_emulated"),
    ],
)
async def test_a_payment_with_an_invalid_card_is_refused(
    shop: Shop, fields: dict[str, Any], status: int, code: str
) -> None:
    card = {name: value for name, value in ({"channel": "post", **CARD} | fields).items() if value is not None}
    body = {
        "payment_session_id": (await shop.order())["payment_session_id"],
        "payment_method": {"card": card},
    }
    answer = await shop.ask_without_credentials("POST", "/orders/sessions", body)
    assert (answer.status, answer.body["code"]) == (status, code)


async def test_another_way_to_pay_is_not_emulated(shop: Shop) -> None:
    body = {"payment_session_id": (await shop.order())["payment_session_id"], "payment_method": {"upi": {}}}
    answer = await shop.ask_without_credentials("POST", "/orders/sessions", body)
    assert (answer.status, answer.body["code"], answer.body["type"]) == (501, "not_emulated", "api_error")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/links", 501),
        ("PUT", "/orders/order_1/refunds/refund_1", 501),
        ("GET", "/settlements", 404),
        ("DELETE", "/orders/order_1", 405),
        ("GET", "/nobody", 404),
    ],
)
async def test_other_paths_say_what_they_are(shop: Shop, method: str, path: str, status: int) -> None:
    assert (await shop.ask(method, path, {})).status == status


async def test_nobody_sees_anothers_order(shop: Shop, vault: Vault) -> None:
    cf_payment_id = await shop.paid()
    other = Shop(type(shop.client)(vault, shop.client.pipeline, await vault.merchants.add("B", "tests")), shop.journey)
    for path in ("", "/payments", f"/payments/{cf_payment_id}", "/refunds"):
        assert (await other.ask("GET", f"/orders/order_1{path}")).body["code"] == "order_not_found"
    body = {"entity": "PAYMENTS", "entity_id": cf_payment_id, "entity_simulation": {"payment_status": "FAILED"}}
    assert (await other.ask("POST", "/simulate", body)).body["code"] == "payment_not_found"


async def test_an_order_id_is_used_once(shop: Shop) -> None:
    await shop.order()
    answer = await shop.ask("POST", "/orders", order_body(order_id="order_1"))
    assert (answer.status, answer.body["code"]) == (409, "order_already_exists")


async def test_ids_are_numbers_before_2023(shop: Shop) -> None:
    cf_payment_id = await shop.paid()
    old = {"x_api_version": "2022-09-01"}
    payment = await shop.payment("order_1", cf_payment_id, **old)
    order = (await shop.ask("GET", "/orders/order_1", **old)).body
    refund = (await shop.ask("POST", "/orders/order_1/refunds", {"refund_amount": 1, "refund_id": "abc"}, **old)).body
    assert payment["cf_payment_id"] == refund["cf_payment_id"] == int(cf_payment_id)
    assert isinstance(order["cf_order_id"], int)
    assert order["payments"]["url"].endswith("/orders/order_1/payments")
    assert refund["cf_refund_id"].startswith("refund_")
    assert "payment_gateway_details" not in payment


async def test_no_card_number_is_stored_in_the_clear(shop: Shop, tmp_path: Path) -> None:
    await shop.start(await shop.order())
    token = await shop.token(await shop.saved())
    await shop.start(await shop.order("order_2"), token)
    stored = stored_in(tmp_path)
    for secret in (VISA, token["card_number"], token["cryptogram"]):
        assert secret.encode() not in stored


async def test_a_reset_forgets_everything(shop: Shop) -> None:
    cf_payment_id = await shop.start(await shop.order())
    await shop.journey.reset()
    assert (await shop.ask("GET", "/orders/order_1")).body["code"] == "order_not_found"
    assert (await shop.authenticate(cf_payment_id)).body["code"] == "payment_not_found"


@pytest.mark.parametrize("operation", PAYMENT_OPERATIONS, ids=lambda operation: operation.key)
async def test_a_served_vault_has_no_payments(vault: Vault, shop: Shop, operation: Any) -> None:
    api = Api(vault.settings, vault)
    shop.client.pipeline = await api.start()
    try:
        answer = await shop.ask(operation.method, operation.path.replace("{", "").replace("}", ""), {})
    finally:
        await api.stop()
    assert (answer.status, answer.body["code"]) == (404, "request_failed")
