"""A webhook delivery is accepted only if it is signed, recent and decodable."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cashfree_pg import Cashfree
from tokenvault_client import UsageError, WebhookError, webhooks

NOW = 1_746_427_759.733
SECRET = "hush"
BODY = json.dumps(
    {
        "data": {
            "instrument": {
                "instrument_id": "i1",
                "customer_id": "asha",
                "added_at": "2022-04-14T10:44:14+05:30",
                "instrument_status": "ACTIVE",
                "instrument_meta": {"sub_type": "R", "card_par": "P", "card_token_details": None, "new": 1},
            }
        },
        "event_time": "2022-04-14T10:44:14+05:30",
        "type": "INSTRUMENT_ACTIVE_WEBHOOK",
    }
).encode()
NAMES = st.sampled_from(
    ["type", "data", "event_time", "instrument", "instrument_id", "instrument_meta", "error_details", "card_par"]
)
HEADERS = webhooks.sign_for_test(BODY, SECRET, at=NOW)


def test_the_signature_is_the_published_one() -> None:
    message = HEADERS["x-webhook-timestamp"].encode() + BODY
    expected = b64encode(hmac.new(SECRET.encode(), message, hashlib.sha256).digest()).decode()
    assert HEADERS["x-webhook-signature"] == expected
    assert HEADERS["x-webhook-timestamp"] == "1746427759733"


def test_an_event_has_typed_fields() -> None:
    event = webhooks.verify(BODY, HEADERS, SECRET, now=NOW)
    assert event.type == webhooks.INSTRUMENT_ACTIVE
    assert event.instrument
    assert event.instrument.added_at == "2022-04-14T10:44:14+05:30"
    assert event.instrument.instrument_meta
    assert event.instrument.instrument_meta.sub_type == "R"


def test_a_failed_card_has_error_details() -> None:
    data = {"instrument": {"instrument_id": "i1"}, "error_details": {"error_code": "NETWORK_ERROR"}}
    body = json.dumps({"data": data, "type": "INSTRUMENT_FAILED_WEBHOOK"}).encode()
    event = webhooks.verify(body, webhooks.sign_for_test(body, SECRET), SECRET)
    assert event.data
    assert event.data.error_details
    assert event.data.error_details.error_code == "NETWORK_ERROR"


def test_header_names_are_case_insensitive() -> None:
    webhooks.verify(BODY, {name.title(): value for name, value in HEADERS.items()}, SECRET, now=NOW)


def test_either_of_two_secrets_may_sign() -> None:
    webhooks.verify(BODY, HEADERS, ["new", SECRET], now=NOW)
    webhooks.verify(BODY, HEADERS, (SECRET, "new"), now=NOW)


def test_any_changed_byte_is_rejected() -> None:
    for at in range(len(BODY)):
        changed = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]
        with pytest.raises(WebhookError, match="not signed"):
            webhooks.verify(changed, HEADERS, SECRET, now=NOW)


@pytest.mark.parametrize("signature", ["", "é", "\ud800", "x" * 44])
def test_a_wrong_signature_is_rejected(signature: str) -> None:
    with pytest.raises(WebhookError, match="not signed"):
        webhooks.verify(BODY, HEADERS | {"x-webhook-signature": signature}, SECRET, now=NOW)


def test_a_wrong_secret_is_rejected() -> None:
    with pytest.raises(WebhookError, match="not signed"):
        webhooks.verify(BODY, HEADERS, ["other", "another"], now=NOW)


@pytest.mark.parametrize("timestamp", ["", "soon", "-1", "1.5", "9" * 400, "١٢٣", "\ud800"])
def test_an_invalid_timestamp_is_rejected(timestamp: str) -> None:
    with pytest.raises(WebhookError, match="milliseconds"):
        webhooks.verify(BODY, HEADERS | {"x-webhook-timestamp": timestamp}, SECRET, now=NOW)


@pytest.mark.parametrize("offset", [301, -301])
def test_a_delivery_outside_the_tolerance_is_rejected(offset: int) -> None:
    with pytest.raises(WebhookError, match="300 seconds"):
        webhooks.verify(BODY, HEADERS, SECRET, now=NOW + offset)
    webhooks.verify(BODY, HEADERS, SECRET, 302, now=NOW + offset)


@pytest.mark.parametrize("body", [b"", b"no", b"[]", b"{}", b"[" * 100_000, b"\xff"])
def test_a_signed_body_that_is_not_an_event_reaches_the_merchant(body: bytes) -> None:
    event = webhooks.verify(body, webhooks.sign_for_test(body, SECRET, at=NOW), SECRET, now=NOW)
    assert event == webhooks.Event("", None, None, body)
    assert event.instrument is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("INSTRUMENT_ACTIVE_WEBHOOK"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9) | NAMES, inner, max_size=5),
    max_leaves=12,
)


@settings(max_examples=40)
@given(JSON)
@example({"type": None, "data": None})
@example({"type": 7, "data": {"instrument": {"instrument_id": None}}, "event_time": 7})
@example({"type": "NEW", "data": [], "event_time": {}})
@example({"type": "\ud800", "data": {"instrument": {"instrument_id": 7}}})
def test_any_signed_body_is_an_event(content: Any) -> None:
    body = json.dumps(content).encode()
    event = webhooks.verify(body, webhooks.sign_for_test(body, SECRET, at=NOW), SECRET, now=NOW)
    assert event.raw == body
    wanted = content.get("type") if isinstance(content, dict) else None
    assert event.type == (wanted if isinstance(wanted, str) else "")
    api = Cashfree(Cashfree.SANDBOX, "me", SECRET)
    headers = webhooks.sign_for_test(body, SECRET)
    official = api.PGVerifyWebhookSignature(headers["x-webhook-signature"], body, headers["x-webhook-timestamp"])
    assert (official.type, official.raw) == (event.type, body)


@given(st.binary())
def test_any_signed_bytes_are_an_event(body: bytes) -> None:
    assert webhooks.verify(body, webhooks.sign_for_test(body, SECRET, at=NOW), SECRET, now=NOW).raw == body


def test_ids_that_are_numbers_become_text() -> None:
    body = b'{"type": "NEW", "data": {"instrument": {"instrument_id": 7, "instrument_meta": {"card_par": 5}}}}'
    event = webhooks.verify(body, webhooks.sign_for_test(body, SECRET, at=NOW), SECRET, now=NOW)
    assert event.instrument
    assert event.instrument.instrument_id == "7"


@pytest.mark.parametrize("secrets", ["", [], ["a", ""], b"hush", [b"hush"], None, 5, ["\ud800"]])
def test_verification_without_a_secret_is_a_usage_error(secrets: Any) -> None:
    with pytest.raises(UsageError, match="secret"):
        webhooks.verify(BODY, HEADERS, secrets, now=NOW)


def test_a_body_as_text_is_rejected() -> None:
    with pytest.raises(UsageError, match="bytes"):
        webhooks.verify(BODY.decode(), HEADERS, SECRET, now=NOW)  # type: ignore[arg-type]
