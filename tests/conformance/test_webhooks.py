"""The official SDKs accept the deliveries of the vault, and reject changed ones, with their own function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conformance.official import Driver, Release
from tests.support import emulator_process as emulators
from tests.support.emulator_process import Emulator
from tests.support.webhook_listener import ReceivedAttempt, listening


@dataclass(frozen=True, slots=True)
class ReceivedDelivery:
    """A delivery, and the emulator that sent it."""

    emulator: Emulator
    request: ReceivedAttempt
    card: dict[str, Any]

    def arguments(self) -> dict[str, str]:
        """Return the arguments of the SDKs' verification."""
        headers = self.request.headers
        return {
            "secret": self.emulator.webhook_secret,
            "signature": headers["x-webhook-signature"],
            "timestamp": headers["x-webhook-timestamp"],
            "body": self.request.body.decode(),
        }


@pytest.fixture(scope="module")
def delivery() -> Iterator[ReceivedDelivery]:
    with listening() as listener, emulators.emulator("--webhook-url", listener.url) as running:
        card = running.save("asha")
        yield ReceivedDelivery(running, listener.next(), card)


def test_an_official_sdk_accepts_a_delivery_of_the_vault(
    release: Release, driver_of: Callable[[Release], Driver], delivery: ReceivedDelivery
) -> None:
    verified = driver_of(release).verify_webhook(delivery.arguments())
    assert verified["error"] is None
    assert verified["type"] == "INSTRUMENT_ACTIVE_WEBHOOK"
    assert verified["object"]["data"]["instrument"]["instrument_id"] == delivery.card["instrument_id"]


@pytest.mark.parametrize("changed", ["secret", "timestamp", "body"])
def test_an_official_sdk_rejects_a_changed_delivery(
    release: Release, driver_of: Callable[[Release], Driver], delivery: ReceivedDelivery, changed: str
) -> None:
    arguments = delivery.arguments()
    verified = driver_of(release).verify_webhook(arguments | {changed: arguments[changed] + " "})
    assert verified["type"] is None
    assert "did not match" in verified["error"]
