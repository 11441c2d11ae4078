"""Notifications that are verified, and forged ones."""

from __future__ import annotations

from typing import Any

from tests.parity.scenarios.catalogue import scenario
from tests.parity.styles import Sdk, module

WEBHOOK = '{"data":{"instrument":{"instrument_id":"i1"}},"event_time":"t","type":"INSTRUMENT_ACTIVE_WEBHOOK"}'
TIMESTAMP = "1746427759733"
SIGNED = "SwARQ/aI54+ez/qtUTgfiaQlN5ymw8byN7ANhJMwM6A="
"""base64(HMAC-SHA256("secret", TIMESTAMP + WEBHOOK))."""


def notified(sdk: Sdk, signature: str, told: Any) -> Any:
    event = sdk.made(XClientId="id", XClientSecret="secret").PGVerifyWebhookSignature(signature, told, TIMESTAMP)
    return {"class": type(event).__name__, "type": event.type, "raw": str(event.raw), "object": event.object}


@scenario("a notification")
def notification(sdk: Sdk) -> Any:
    return notified(sdk, SIGNED, WEBHOOK)


@scenario("a notification as bytes")
def notification_as_bytes(sdk: Sdk) -> Any:
    return notified(sdk, SIGNED, WEBHOOK.encode())["type"]


@scenario("a forged notification")
def forged(sdk: Sdk) -> Any:
    return notified(sdk, SIGNED[::-1], WEBHOOK)


@scenario("a notification as a model")
def notification_as_model(sdk: Sdk) -> Any:
    webhook = module("models.instrument_webhook").InstrumentWebhook.from_json(WEBHOOK)
    return {"to_dict": webhook.to_dict()}
