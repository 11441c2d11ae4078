"""The official SDKs believe what the vault posts, by their own function, and nothing that was changed on its way."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conformance.official import RELEASES, Release, command_of
from tests.support import emulator_process as emulators
from tests.support.emulator_process import Emulator
from tests.support.notified import Notified, listening

SECONDS = 60


@dataclass(frozen=True, slots=True)
class Delivered:
    """A notification that an emulator posted, and the emulator that did."""

    emulator: Emulator
    notified: Notified
    card: dict[str, Any]

    def as_asked(self, **changes: str) -> str:
        headers = self.notified.headers
        asked = {
            "secret": self.emulator.webhook_secret,
            "signature": headers["x-webhook-signature"],
            "timestamp": headers["x-webhook-timestamp"],
            "body": self.notified.body.decode(),
        }
        return json.dumps(asked | changes)


@pytest.fixture(scope="module")
def delivered() -> Iterator[Delivered]:
    with listening() as listener, emulators.emulator("--webhook-url", listener.url) as running:
        card = running.save("asha")
        yield Delivered(running, listener.next(), card)


def verified(release: Release, asked: str) -> dict[str, Any]:
    command, folder = command_of(release, "webhooks")
    done = subprocess.run(command, cwd=folder, input=asked, capture_output=True, text=True, timeout=SECONDS, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
def test_an_official_sdk_believes_what_the_vault_posts(release: Release, delivered: Delivered) -> None:
    told = verified(release, delivered.as_asked())
    assert told["error"] is None
    assert told["type"] == "INSTRUMENT_ACTIVE_WEBHOOK"
    assert told["object"]["data"]["instrument"]["instrument_id"] == delivered.card["instrument_id"]


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
@pytest.mark.parametrize("changed", ["secret", "timestamp", "body"])
def test_an_official_sdk_does_not_believe_what_was_changed(
    release: Release, delivered: Delivered, changed: str
) -> None:
    asked = json.loads(delivered.as_asked())
    told = verified(release, delivered.as_asked(**{changed: asked[changed] + " "}))
    assert told["type"] is None
    assert "did not match" in told["error"]
