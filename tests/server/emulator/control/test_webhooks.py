"""Captured webhooks: every attempt is there, fired and resent ones too, and is signed like Cashfree's."""

from __future__ import annotations

import pytest

from tests.support.embedded import saved
from tests.support.webhook_listener import listening
from tokenvault_client import webhooks as client
from tokenvault_contract.webhook_events import EVENT_TYPES
from tokenvault_server.embedded import CapturedWebhook, ControlError, Emulator
from tokenvault_server.emulator.captured_webhooks import CAPTURE_URL

ACTIVE = "INSTRUMENT_ACTIVE_WEBHOOK"


def verified(emulator: Emulator, webhook: CapturedWebhook) -> client.Event:
    return client.verify(webhook.body.encode(), webhook.headers, secrets=[emulator.webhook_secret])


def test_an_event_is_captured_although_nobody_receives_it(emulator: Emulator) -> None:
    instrument_id = saved(emulator)
    (webhook,) = emulator.webhooks.wait_for(type=ACTIVE)
    assert (webhook.url, webhook.outcome, webhook.attempt) == (CAPTURE_URL, "delivered", 1)
    assert (webhook.customer_id, webhook.instrument_id) == ("asha", instrument_id)
    assert webhook.event["data"]["instrument"]["instrument_display"] == "XXXXXXXXXXXX2123"
    assert verified(emulator, webhook).type == ACTIVE


def test_an_attempt_at_a_receiver_is_captured_with_its_answer(emulator: Emulator) -> None:
    with listening() as listener:
        listener.status = 404
        assert emulator.webhooks.add_endpoint(listener.url) == [CAPTURE_URL, listener.url]
        saved(emulator)
        (webhook,) = emulator.webhooks.wait_for(url=listener.url)
        assert listener.next().body.decode() == webhook.body
    assert (webhook.outcome, webhook.answered) == ("refused", 404)


def test_waiting_for_a_webhook_that_does_not_come_says_what_came(emulator: Emulator) -> None:
    saved(emulator)
    with pytest.raises(TimeoutError, match=f"{ACTIVE} delivered"):
        emulator.webhooks.wait_for(customer="ravi", timeout=0.01)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_type_of_event_can_be_fired(emulator: Emulator, event_type: str) -> None:
    instrument_id = saved(emulator)
    emulator.webhooks.deliver()
    emulator.webhooks.clear()
    assert emulator.webhooks.fire(event_type, instrument=instrument_id, customer="asha") == 1
    (webhook,) = emulator.webhooks.find()
    assert (webhook.type, webhook.customer_id) == (event_type, "asha")
    assert verified(emulator, webhook).type == event_type


def test_an_event_that_cannot_be_fired_is_refused_with_what_can(emulator: Emulator) -> None:
    instrument_id = saved(emulator)
    with pytest.raises(ControlError, match=ACTIVE):
        emulator.webhooks.fire("PAID", instrument=instrument_id)
    with pytest.raises(ControlError, match=instrument_id):
        emulator.webhooks.fire(ACTIVE, instrument="another")
    with pytest.raises(ControlError, match="customer"):
        emulator.webhooks.fire("INSTRUMENT_FAILED_WEBHOOK")


def test_a_resent_webhook_has_the_same_body_and_a_new_signature(emulator: Emulator) -> None:
    saved(emulator)
    (webhook,) = emulator.webhooks.wait_for(type=ACTIVE)
    emulator.clock.advance(hours=1)
    again = emulator.webhooks.resend(webhook.id)
    assert (again.body, again.attempt, again.outcome) == (webhook.body, 2, "delivered")
    assert again.headers["x-webhook-signature"] != webhook.headers["x-webhook-signature"]
    assert len(emulator.webhooks.find()) == 2


def test_a_webhook_is_resent_to_a_receiver_that_is_away(emulator: Emulator) -> None:
    with listening() as listener:
        emulator.webhooks.add_endpoint(listener.url)
        saved(emulator)
        (webhook,) = emulator.webhooks.wait_for(url=listener.url)
    assert emulator.webhooks.resend(webhook.id).outcome == "unreachable"


def test_a_webhook_that_was_not_captured_is_not_found(emulator: Emulator) -> None:
    with pytest.raises(ControlError) as refused:
        emulator.webhooks.resend("7")
    assert refused.value.code == "webhook_not_found"


def test_the_url_of_an_endpoint_is_checked(emulator: Emulator) -> None:
    with pytest.raises(ControlError, match="url"):
        emulator.webhooks.add_endpoint("ftp://example.com")
