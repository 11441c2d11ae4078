"""The body of our saving route: each field that is missing or wrong is named, and no value is ever repeated."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.api.calls import ENROLMENT, changed
from tests.support.builders import VISA
from tests.support.clock import NOW
from tokenvault_server.api.enrolment import read
from tokenvault_server.domain.card import Expiry
from tokenvault_server.domain.identifiers import CustomerId, MerchantId
from tokenvault_server.errors import BodyInvalidError, InvalidFieldError, MissingFieldError, VaultError
from tokenvault_server.tsp.provider import ProvisionRequest


def enrol(body: bytes) -> ProvisionRequest:
    return read(body, MerchantId("mer_1"), CustomerId("customer-1"), NOW)


def code_of(body: bytes) -> str:
    with pytest.raises(VaultError) as caught:
        enrol(body)
    return caught.value.code


def test_a_whole_body_is_what_the_provider_is_asked() -> None:
    request = enrol(changed())
    assert (request.merchant_id, request.customer_id) == ("mer_1", "customer-1")
    assert (request.card.pan.reveal(), request.card.expiry) == (VISA, Expiry(2028, 3))
    assert request.card.holder_name is not None
    assert request.card.holder_name.reveal() == "Asha Rao"
    assert (request.evidence.afa_reference, request.evidence.consent_text_version) == ("740324562", "v1")
    assert request.evidence.consent_given_at == 1_795_321_800_000_000


def test_the_holders_name_may_be_left_out() -> None:
    assert enrol(changed(card__card_holder_name=None)).card.holder_name is None


def test_a_year_may_have_four_digits() -> None:
    assert enrol(changed(card__card_expiry_yy="2028")).card.expiry == Expiry(2028, 3)


@pytest.mark.parametrize("empty", [None, ""], ids=["absent", "empty"])
@pytest.mark.parametrize(
    "field",
    [
        "instrument_type",
        "card__card_number",
        "card__card_expiry_mm",
        "card__card_expiry_yy",
        "afa_reference",
        "consent__given_at",
        "consent__text_version",
    ],
)
def test_a_missing_field_is_named(field: str, empty: str | None) -> None:
    name = field.removeprefix("card__").replace("__", ".")
    assert code_of(changed(**{field: empty})) == f"{name}_missing"


@pytest.mark.parametrize("field", ["card", "consent"])
def test_a_missing_object_is_named(field: str) -> None:
    assert code_of(changed(**{field: None})) == f"{field}_missing"


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("instrument_type", "upi", "instrument_type_invalid"),
        ("instrument_type", 1, "instrument_type_invalid"),
        ("card", "4706131211212123", "card_invalid"),
        ("card__card_number", "4706131211212124", "card_number_invalid"),
        ("card__card_number", "4706 1312 1121 2123", "card_number_invalid"),
        ("card__card_number", 4706131211212123, "card_number_invalid"),
        ("card__card_number", "1", "card_number_invalid"),
        ("card__card_expiry_mm", "13", "card_expiry_invalid"),
        ("card__card_expiry_mm", "3", "card_expiry_invalid"),
        ("card__card_expiry_mm", 3, "card_expiry_mm_invalid"),
        ("card__card_expiry_yy", "028", "card_expiry_invalid"),
        ("card__card_expiry_yy", ["28"], "card_expiry_yy_invalid"),
        ("card__card_holder_name", "a\nb", "card_holder_name_invalid"),
        ("card__card_holder_name", "x" * 101, "card_holder_name_invalid"),
        ("card__card_holder_name", VISA, "card_holder_name_invalid"),
        ("card__card_holder_name", "4706 1312 1121 2123", "card_holder_name_invalid"),
        ("afa_reference", VISA, "afa_reference_invalid"),
        ("afa_reference", "a b", "afa_reference_invalid"),
        ("afa_reference", "x" * 65, "afa_reference_invalid"),
        ("afa_reference", 740324562, "afa_reference_invalid"),
        ("consent", [], "consent_invalid"),
        ("consent__text_version", VISA, "consent.text_version_invalid"),
        ("consent__text_version", "v 1", "consent.text_version_invalid"),
        ("consent__given_at", "yesterday", "consent.given_at_invalid"),
        ("consent__given_at", "2026-11-22T10:00:00", "consent.given_at_invalid"),
        ("consent__given_at", "2026-11-22", "consent.given_at_invalid"),
        ("consent__given_at", "2026-11-22T09:00:00Z", "consent.given_at_invalid"),
        ("consent__given_at", "1969-12-31T23:59:59Z", "consent.given_at_invalid"),
        ("consent__given_at", "0001-01-01T00:00:00+14:00", "consent.given_at_invalid"),
        ("consent__given_at", "9999-12-31T23:59:59-14:00", "consent.given_at_invalid"),
        ("consent__given_at", 17, "consent.given_at_invalid"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: Any, code: str) -> None:
    assert code_of(changed(**{field: value})) == code


def test_a_clock_that_is_four_minutes_fast_is_forgiven() -> None:
    assert enrol(changed(consent__given_at="2026-11-22T08:49:30Z")).evidence.consent_given_at > NOW


@pytest.mark.parametrize(
    "field", ["card_cvv", "card__card_cvv", "card__cvv", "consent__channel", "Card", "card__card_number ", "x"]
)
def test_an_unknown_field_is_refused(field: str) -> None:
    assert code_of(changed(**{field: "123"})) == "request_invalid"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"card"',
        b"17",
        b"\xff\xfe",
        b'{"instrument_type": "\xff"}',
        b"[" * 5000,
        b'{"card":' * 3000,
        json.dumps(ENROLMENT).encode("utf-16"),
        b"card_number=4706131211212123",
    ],
    ids=["empty", "cut off", "null", "list", "text", "number", "no UTF-8", "no UTF-8 inside", "deep", "deep objects",
         "UTF-16", "a form"],
)  # fmt: skip
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    assert code_of(body) == "request_invalid"


@pytest.mark.parametrize("field", ["card__card_number", "afa_reference", "card__card_holder_name", "consent__given_at"])
def test_no_message_repeats_what_was_sent(field: str) -> None:
    with pytest.raises(VaultError) as caught:
        enrol(changed(**{field: "gibberish " * 20}))
    assert "gibberish" not in f"{caught.value.message} {caught.value.hint} {caught.value!r}"
    assert caught.value.__cause__ is None


def test_a_request_shows_no_card_when_it_is_printed() -> None:
    assert VISA not in repr(enrol(changed()))
    assert "Asha" not in repr(enrol(changed()))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["instrument_type", "card", "afa_reference", "consent", "card__card_number"]), JSON)
def test_no_value_makes_it_fail_in_another_way(field: str, value: Any) -> None:
    with suppress(InvalidFieldError, MissingFieldError, BodyInvalidError):
        enrol(changed(**{field: value}))
