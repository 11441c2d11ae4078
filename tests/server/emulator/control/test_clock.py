"""The clock through the control plane: everything follows it, webhook retries included."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.embedded import LIST, ask, calls, saved
from tests.support.emulator_process import instruments
from tests.support.webhook_listener import listening
from tokenvault_server.embedded import ControlError, Emulator

DAY = timedelta(days=1)
CHRISTMAS = datetime(2027, 12, 24, 12, 0, tzinfo=UTC)
CALL = ("GET", instruments("asha") + LIST)


def test_a_clock_that_is_set_shows_in_new_cards(emulator: Emulator) -> None:
    emulator.clock.set(CHRISTMAS)
    card = ask(emulator, *calls("asha", saved(emulator))["fetch_instrument"]).json()
    assert card["created_at"].startswith("2027-12-24T12:00:0")
    assert emulator.requests.find()[0].at.startswith("2027-12-24T12:00:0")


def test_a_clock_set_back_still_takes_consents_of_the_real_present(emulator: Emulator) -> None:
    emulator.clock.set("2021-01-01T00:00:00Z")
    assert saved(emulator)


def test_a_frozen_clock_stands_still_and_runs_on(emulator: Emulator) -> None:
    emulator.clock.freeze(CHRISTMAS)
    assert (emulator.clock.now(), emulator.clock.now()) == (CHRISTMAS, CHRISTMAS)
    emulator.clock.advance(DAY)
    assert emulator.clock.read().frozen
    assert emulator.clock.now() == CHRISTMAS + DAY
    emulator.clock.resume()
    while emulator.clock.now() == CHRISTMAS + DAY:
        pass
    assert not emulator.clock.read().frozen


def test_webhooks_are_sent_while_the_clock_stands_still(emulator: Emulator) -> None:
    emulator.clock.freeze()
    for customer in ("asha", "ravi"):
        saved(emulator, customer)
        emulator.webhooks.wait_for(customer=customer)


def test_a_rate_limit_ends_a_minute_later(emulator: Emulator) -> None:
    emulator.clock.freeze()
    statuses = [ask(emulator, "DELETE", instruments("asha", "i1")).status for _ in range(101)]
    assert statuses[-2:] == [404, 429]
    emulator.clock.advance(minutes=1)
    assert ask(emulator, "DELETE", instruments("asha", "i1")).status == 404


def test_a_token_expires_when_the_clock_reaches_its_end(emulator: Emulator) -> None:
    call = calls("asha", saved(emulator))["fetch_cryptogram"]
    emulator.clock.advance(days=366 * 5)
    assert ask(emulator, *call).json()["code"] == "instrument_inactive"


def test_an_idempotency_key_is_forgotten_after_a_day(emulator: Emulator) -> None:
    call, key = calls("asha", saved(emulator))["fetch_cryptogram"], {"x-idempotency-key": "pay-1"}

    def replayed() -> str:
        return ask(emulator, *call, headers=key).headers["x-idempotency-replayed"]

    assert [replayed(), replayed()] == ["false", "true"]
    emulator.clock.advance(days=2)
    assert replayed() == "false"


def test_retries_on_the_way_are_sent_at_their_times(emulator: Emulator) -> None:
    with listening() as listener:
        listener.status = 503
        emulator.webhooks.add_endpoint(listener.url)
        emulator.clock.freeze(CHRISTMAS)
        saved(emulator)
        emulator.webhooks.deliver()
        emulator.clock.advance(days=30)
        attempts = [listener.next() for _ in range(4)]
        assert listener.attempts.empty()
    minutes = [(int(each.headers["x-webhook-timestamp"]) / 1000 - CHRISTMAS.timestamp()) / 60 for each in attempts]
    assert minutes == [0, 2, 12, 42]
    assert [each.headers["x-webhook-attempt"] for each in attempts] == ["1", "2", "3", "4"]


def test_a_webhook_that_failed_before_succeeds_when_the_clock_moves(emulator: Emulator) -> None:
    with listening() as listener:
        listener.status = 503
        emulator.webhooks.add_endpoint(listener.url)
        saved(emulator)
        emulator.webhooks.deliver()
        listener.status = 200
        emulator.clock.advance(minutes=3)
        bodies = {listener.next().body for _ in range(2)}
    assert [json.loads(body)["type"] for body in bodies] == ["INSTRUMENT_ACTIVE_WEBHOOK"]
    outcomes = [each.outcome for each in emulator.webhooks.find(url=listener.url)]
    assert outcomes == ["refused", "delivered"]


@pytest.mark.parametrize("at", ["yesterday", "2027-12-24T12:00:00", "1999-01-01T00:00:00Z", "2100-01-01T00:00:00Z"])
def test_a_time_that_cannot_be_set_is_refused_with_an_example(emulator: Emulator, at: str) -> None:
    with pytest.raises(ControlError, match="allowed: 20") as refused:
        emulator.clock.set(at)
    assert refused.value.code == "at_invalid"
    assert abs(emulator.clock.read().ahead_seconds) < 5


def test_the_clock_is_not_advanced_backwards(emulator: Emulator) -> None:
    with pytest.raises(ControlError):
        emulator.clock.advance(days=-1)
    with pytest.raises(ControlError):
        emulator.clock.advance()


def test_the_clock_says_how_far_it_is_ahead(emulator: Emulator) -> None:
    assert abs(emulator.clock.read().ahead_seconds) < 5
    assert 86_395 < emulator.clock.advance(days=1).ahead_seconds < 86_460
