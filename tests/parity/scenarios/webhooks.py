"""The verification of authentic and forged webhook deliveries."""

from __future__ import annotations

from typing import Any

from tests.parity.scenarios.catalogue import scenario
from tests.parity.styles import Sdk, module

WEBHOOK = '{"data":{"instrument":{"instrument_id":"i1"}},"event_time":"t","type":"INSTRUMENT_ACTIVE_WEBHOOK"}'
TIMESTAMP = "1746427759733"
SIGNED = "SwARQ/aI54+ez/qtUTgfiaQlN5ymw8byN7ANhJMwM6A="
"""base64(HMAC-SHA256("secret", TIMESTAMP + WEBHOOK))."""


def verify(sdk: Sdk, signature: str, body: Any) -> Any:
    event = sdk.create_cashfree(XClientId="id", XClientSecret="secret").PGVerifyWebhookSignature(
        signature, body, TIMESTAMP
    )
    return {"class": type(event).__name__, "type": event.type, "raw": str(event.raw), "object": event.object}


@scenario("a webhook event")
def event(sdk: Sdk) -> Any:
    return verify(sdk, SIGNED, WEBHOOK)


@scenario("a webhook event as bytes")
def event_as_bytes(sdk: Sdk) -> Any:
    return verify(sdk, SIGNED, WEBHOOK.encode())["type"]


@scenario("a forged webhook event")
def forged(sdk: Sdk) -> Any:
    return verify(sdk, SIGNED[::-1], WEBHOOK)


@scenario("a webhook event as a model")
def event_as_model(sdk: Sdk) -> Any:
    webhook = module("models.instrument_webhook").InstrumentWebhook.from_json(WEBHOOK)
    return {"to_dict": webhook.to_dict()}
