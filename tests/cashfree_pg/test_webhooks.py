"""`PGVerifyWebhookSignature` returns the event of an authentic delivery, and rejects others."""

from __future__ import annotations

import time

import pytest

from cashfree_pg import Cashfree
from cashfree_pg.exceptions import ApiValueError
from tokenvault_contract.signatures import webhook_signature

BODY = '{"data":{"instrument":{"instrument_id":"i1"}},"event_time":"t","type":"INSTRUMENT_ACTIVE_WEBHOOK"}'
LONG_AGO = "1746427759733"


def signed(secret: str = "secret", timestamp: str = LONG_AGO) -> str:
    return webhook_signature(secret, timestamp, BODY.encode())


@pytest.mark.parametrize("body", [BODY, BODY.encode()], ids=["text", "bytes"])
def test_an_authentic_delivery_returns_its_event(body: str | bytes) -> None:
    event = Cashfree(XClientSecret="secret").PGVerifyWebhookSignature(signed(), body, LONG_AGO)
    assert (event.type, event.raw) == ("INSTRUMENT_ACTIVE_WEBHOOK", body)
    assert event.object["data"]["instrument"]["instrument_id"] == "i1"


def test_in_4_x_the_secret_of_the_class_is_used() -> None:
    Cashfree.XClientSecret = "secret"
    assert Cashfree().PGVerifyWebhookSignature(signed(), BODY, LONG_AGO).type == "INSTRUMENT_ACTIVE_WEBHOOK"


def test_a_delivery_to_a_partner_is_signed_with_its_key() -> None:
    partner = Cashfree(XPartnerKey="pk", XPartnerMerchantId="pm")
    assert partner.PGVerifyWebhookSignature(signed("pk"), BODY, LONG_AGO).raw == BODY


@pytest.mark.parametrize(
    ("signature", "body", "timestamp"),
    [
        (signed("another"), BODY, LONG_AGO),
        (signed(), BODY + " ", LONG_AGO),
        (signed(), BODY, LONG_AGO[::-1]),
        ("", BODY, LONG_AGO),
        ("é", BODY, LONG_AGO),
    ],
    ids=["another secret", "another body", "another time", "no signature", "no ASCII"],
)
def test_a_forged_delivery_is_rejected_with_the_official_message(signature: str, body: str, timestamp: str) -> None:
    with pytest.raises(ApiValueError, match="Generated signature and received signature did not match"):
        Cashfree(XClientSecret="secret").PGVerifyWebhookSignature(signature, body, timestamp)


def test_an_old_delivery_is_rejected_with_a_tolerance() -> None:
    api = Cashfree(XClientSecret="secret")
    with pytest.raises(ApiValueError, match="more than 300 seconds ago"):
        api.PGVerifyWebhookSignature(signed(), BODY, LONG_AGO, tolerance=300)
    now = str(int(time.time() * 1000))
    assert api.PGVerifyWebhookSignature(signed(timestamp=now), BODY, now, tolerance=300).raw == BODY


def test_verification_needs_a_secret() -> None:
    with pytest.raises(ApiValueError, match="secret"):
        Cashfree().PGVerifyWebhookSignature(signed(), BODY, LONG_AGO)
