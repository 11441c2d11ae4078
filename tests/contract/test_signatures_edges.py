"""The signature of a notification against RFC 4231, whose cases do not care where the timestamp ends."""

from __future__ import annotations

import base64

import pytest

from tokenvault_contract.signatures import of_webhook

RFC_4231_CASE_2 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


@pytest.mark.parametrize("timestamp", ["", "what do ya", "what do ya want for nothing?"])
def test_a_notification_is_signed_as_timestamp_and_body_joined(timestamp: str) -> None:
    body = b"what do ya want for nothing?"[len(timestamp) :]
    assert base64.b64decode(of_webhook("Jefe", timestamp, body), validate=True).hex() == RFC_4231_CASE_2
