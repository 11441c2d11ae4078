"""The signed texts of `x-client-signature` and `x-webhook-signature`."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenvault_contract.signatures import (
    ClientSignature,
    client_signature_text,
    parse_client_signature,
    webhook_signature,
)

NOW = 1_795_337_130
RFC_4231_CASE_2 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
"""A case with a text key. Timestamp and body are concatenated, so any split of its text gives the same signature."""


def test_the_text_is_the_client_id_a_dot_and_the_seconds() -> None:
    assert client_signature_text("TEST123", NOW) == b"TEST123.1795337130"


@given(st.text("ABCabc019._-", min_size=1), st.integers(0, 10**12 - 1))
def test_parsing_a_text_returns_its_parts(client_id: str, at: int) -> None:
    assert parse_client_signature(client_signature_text(client_id, at)) == (client_id, at)


@pytest.mark.parametrize(
    "text", [b"", b"TEST", b"TEST.", b"TEST.-1", b"TEST. 1", b"TEST.1_0", b"TEST.1.", b"TEST.\xb2"]
)
def test_a_text_of_another_form_is_rejected(text: bytes) -> None:
    assert parse_client_signature(text) is None


def test_a_time_of_more_than_twelve_digits_is_rejected() -> None:
    assert parse_client_signature(b"TEST." + b"9" * 12) is not None
    assert parse_client_signature(b"TEST." + b"9" * 13) is None


@pytest.mark.parametrize(("age", "is_current"), [(-61, False), (-60, True), (0, True), (600, True), (601, False)])
def test_a_signature_is_accepted_for_ten_minutes_and_one_minute_early(age: int, is_current: bool) -> None:
    assert ClientSignature("TEST", NOW - age).is_current(NOW) is is_current


@pytest.mark.parametrize("timestamp", ["", "what do ya", "what do ya want for nothing?"])
def test_a_webhook_signature_covers_timestamp_and_body_without_a_separator(timestamp: str) -> None:
    body = b"what do ya want for nothing?"[len(timestamp) :]
    signature = webhook_signature("Jefe", timestamp, body)
    assert base64.b64decode(signature, validate=True).hex() == RFC_4231_CASE_2
