"""Notifications arrive at least once, signed, in order, again after failures, and no endpoint keeps another waiting."""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from hashlib import sha256

import pytest

from tests.support.builders import a_merchant, a_saved_card, sql
from tests.support.clock import SettableClock
from tests.support.receiver import (
    AWAY,
    HANGS_UP,
    OK,
    SILENT,
    Receiver,
    a_poster,
    a_worker,
    deliver,
    receiving,
    states,
)
from tokenvault_client import webhooks as client
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.webhook import DeliveryState
from tokenvault_server.settings import Settings
from tokenvault_server.store import webhook_queue
from tokenvault_server.vault.deliveries import Pace
from tokenvault_server.webhooks.schedule import schedule_of


async def notify(vault: Vault, caller: Caller, receiver: Receiver) -> str:
    return (await vault.webhooks.add(caller.merchant_id, receiver.url, "tests")).endpoint_id


async def secret_of(vault: Vault, caller: Caller) -> str:
    ((secret_id, sealed),) = await sql(
        vault.engine,
        "SELECT secret_id, sealed FROM merchant_secrets WHERE merchant_id = :merchant_id ORDER BY created_at LIMIT 1",
        merchant_id=caller.merchant_id,
    )
    return (await vault.custody.open_credential(caller.merchant_id, secret_id, sealed)).reveal()


async def test_a_notification_arrives_as_the_client_believes_it(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    async with receiving() as receiver:
        await notify(vault, caller, receiver)
        card = await a_saved_card(vault, caller)
        assert await deliver(vault.deliveries) == 1
        (heard,) = receiver.heard
        event = client.verify(heard.body, heard.headers, await secret_of(vault, caller), now=clock.now() / 1e6)
        assert event.type == client.INSTRUMENT_ACTIVE
        assert event.instrument
        assert event.instrument.instrument_id == card.instrument.instrument_id
        assert heard.target == "/hook?a=1"
        assert await states(vault, caller.merchant_id) == [("delivered", 1, "delivered")]
        assert await deliver(vault.deliveries) == 0


async def test_the_headers_are_the_published_ones(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    async with receiving() as receiver:
        await notify(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await deliver(vault.deliveries)
        (heard,) = receiver.heard
        assert heard.headers["content-type"] == "application/json"
        assert heard.headers["x-webhook-version"] == "2025-01-01"
        assert heard.headers["x-webhook-attempt"] == "1"
        assert heard.headers["x-webhook-timestamp"] == str(clock.now() // 1000)
        assert heard.headers["x-idempotency-key"] == b64encode(sha256(heard.body).digest()).decode()


async def test_a_failed_one_is_tried_again_after_2_10_and_30_minutes_and_then_given_up(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    async with receiving(AWAY) as receiver:
        await notify(vault, caller, receiver)
        await a_saved_card(vault, caller)
        for attempt, minutes in enumerate((2, 10, 30), 1):
            assert await deliver(vault.deliveries) == 1
            assert len(receiver.heard) == attempt
            clock.advance(minutes=minutes, seconds=-0.001)
            assert await deliver(vault.deliveries) == 0
            clock.advance(seconds=0.001)
        assert await deliver(vault.deliveries) == 1
        assert await states(vault, caller.merchant_id) == [("dead", 4, "refused")]
        clock.advance(days=1)
        assert await deliver(vault.deliveries) == 0
        assert [each.headers["x-webhook-attempt"] for each in receiver.heard] == ["1", "2", "3", "4"]
        assert len({each.headers["x-idempotency-key"] for each in receiver.heard}) == 1
        assert len({each.headers["x-webhook-timestamp"] for each in receiver.heard}) == 4
        assert len({each.body for each in receiver.heard}) == 1


async def test_another_policy_is_kept_as_well(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    worker = a_worker(vault, schedule=schedule_of([1, 1]))
    async with receiving(AWAY) as receiver:
        await notify(vault, caller, receiver)
        await a_saved_card(vault, caller)
        for _ in range(5):
            await deliver(worker)
            clock.advance(minutes=1)
        assert len(receiver.heard) == 3
        assert await states(vault, caller.merchant_id) == [("dead", 3, "refused")]


async def test_a_late_success_ends_the_retries(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    async with receiving(AWAY) as receiver:
        await notify(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await deliver(vault.deliveries)
        receiver.answer = OK
        clock.advance(minutes=2)
        await deliver(vault.deliveries)
        assert await states(vault, caller.merchant_id) == [("delivered", 2, "delivered")]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (HANGS_UP, "malformed"),
        (SILENT, "timed_out"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "malformed"),
        (b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", "refused"),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "refused"),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", "malformed"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "delivered"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "delivered"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", "delivered"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "delivered"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n" + b"x" * 100_000, "delivered"),
        (b"HTTP/1.1 200 OK\r\nx-long: " + b"x" * 100_000 + b"\r\n\r\n", "malformed"),
    ],
    ids=[
        "hangs up",
        "silent",
        "not http",
        "redirect",
        "404",
        "upgrade",
        "204",
        "100 first",
        "until the end",
        "chunks",
        "endless body",
        "endless head",
    ],
)
async def test_whatever_a_receiver_answers_has_its_outcome(
    vault: Vault, caller: Caller, answer: bytes | None, outcome: str
) -> None:
    worker = a_worker(vault, a_poster(seconds=0.3 if answer is SILENT else 5))
    async with receiving(answer) as receiver:
        await notify(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await deliver(worker)
        ((state, attempts, told),) = await states(vault, caller.merchant_id)
        assert (attempts, told) == (1, outcome)
        assert state == ("delivered" if outcome == "delivered" else "pending")
        assert len(receiver.heard) == 1


async def test_an_endpoint_that_is_gone_is_tried_again(vault: Vault, caller: Caller) -> None:
    async with receiving() as receiver:
        await notify(vault, caller, receiver)
    await a_saved_card(vault, caller)
    await deliver(vault.deliveries)
    assert await states(vault, caller.merchant_id) == [("pending", 1, "unreachable")]


async def test_what_is_older_about_a_card_is_told_first(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    async with receiving(AWAY) as receiver:
        endpoint = await notify(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await deliver(vault.deliveries)
        (report,) = await vault.webhooks.deliveries(caller.merchant_id)
        clock.advance(minutes=1)
        await vault.webhooks.resend(caller.merchant_id, report.event_id, "tests", endpoint)
        await deliver(vault.deliveries)
        assert len(receiver.heard) == 1, "the older one is due in a minute"
        receiver.answer = OK
        clock.advance(minutes=1)
        await deliver(vault.deliveries)
        assert [state for state, _, _ in await states(vault, caller.merchant_id)] == ["delivered", "delivered"]
        assert [each.headers["x-webhook-attempt"] for each in receiver.heard] == ["1", "2", "1"]
        assert receiver.most_at_once == 1


async def test_another_card_does_not_wait_for_one_that_failed(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    async with receiving() as receiver:
        await notify(vault, caller, receiver)
        first = await a_saved_card(vault, caller)
        receiver.choose = lambda heard: AWAY if heard.instrument_id == first.instrument.instrument_id else OK
        await deliver(vault.deliveries)
        await a_saved_card(vault, caller, customer_id="customer-2")
        await deliver(vault.deliveries)
        assert [state for state, _, _ in await states(vault, caller.merchant_id)] == ["pending", "delivered"]


async def test_a_silent_endpoint_delays_no_other(vault: Vault, caller: Caller) -> None:
    worker = a_worker(vault, a_poster(seconds=60))
    async with receiving(SILENT) as silent, receiving() as receiver:
        await notify(vault, caller, silent)
        other = await a_merchant(vault, "Other Shop")
        await notify(vault, other, receiver)
        await a_saved_card(vault, caller)
        await a_saved_card(vault, other)
        assert await worker.begin_due() == 2
        async with asyncio.timeout(10):
            await receiver.arrived.wait()
        assert await states(vault, caller.merchant_id) == [("pending", 0, "")]
    await worker.finish()  # the silent one hung up with its server


async def test_endpoints_that_fail_have_half_of_all_turns_at_most(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    worker = a_worker(vault, a_poster(seconds=60), pace=Pace(endpoints=4))
    async with receiving(AWAY) as failing, receiving() as receiver:
        for number in range(6):
            await vault.webhooks.add(caller.merchant_id, f"{failing.url}&{number}", "tests")
        await a_saved_card(vault, caller)
        while await deliver(worker):
            pass
        other = await a_merchant(vault, "Other Shop")
        await notify(vault, other, receiver)
        clock.advance(minutes=2)
        failing.answer = SILENT
        assert await worker.begin_due() == 2, "all are due, and all failed the last time"
        await a_saved_card(vault, other)
        assert await worker.begin_due() == 1
        async with asyncio.timeout(10):
            await receiver.arrived.wait()
    await worker.finish()


async def test_an_endpoint_gets_few_at_once_and_everything_in_the_end(vault: Vault, caller: Caller) -> None:
    worker = a_worker(vault, pace=Pace(posts=3))
    async with receiving() as receiver:
        await notify(vault, caller, receiver)
        for number in range(10):
            await a_saved_card(vault, caller, customer_id=f"customer-{number}")
        assert await deliver(worker) == 1
        assert len(receiver.heard) == 10
        assert receiver.most_at_once <= 3
        assert receiver.connections <= 3, "connections are used again"


async def test_a_connection_that_was_closed_meanwhile_costs_nothing(vault: Vault, caller: Caller) -> None:
    poster = a_poster()
    async with receiving() as receiver:
        line = poster.line(receiver.url)
        assert await line.open() is None
        assert (await line.post({}, b'{"data":{"instrument":{"instrument_id":""}}}')).is_delivered
        receiver.answer = HANGS_UP
        assert (await line.post({}, b"{}")).word == "malformed"
        receiver.answer = OK
        assert (await line.post({}, b"{}")).is_delivered
        line.close()
    poster.close()


async def test_of_two_live_secrets_the_older_signs_until_it_ends(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    async with receiving() as receiver:
        await notify(vault, caller, receiver)
        old = await secret_of(vault, caller)
        clock.advance(seconds=1)
        new = (await vault.merchants.rotate_secret(caller.merchant_id, 60, "tests")).secret.reveal()
        await a_saved_card(vault, caller)
        await deliver(vault.deliveries)
        clock.advance(seconds=60)
        await a_saved_card(vault, caller, customer_id="customer-2")
        await deliver(vault.deliveries)
        first, second = receiver.heard
        client.verify(first.body, first.headers, old, now=clock.now() / 1e6)
        client.verify(second.body, second.headers, new, now=clock.now() / 1e6)


async def test_nothing_is_sent_unsigned(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    async with receiving() as receiver:
        await notify(vault, caller, receiver)
        await a_saved_card(vault, caller)
        (secret,) = await vault.merchants.secrets(caller.merchant_id)
        await vault.merchants.revoke_secret(caller.merchant_id, secret.credential_id, "tests")
        await deliver(vault.deliveries)
        assert receiver.heard == []
        assert await states(vault, caller.merchant_id) == [("pending", 1, "no_secret")]


async def test_a_partners_endpoint_is_signed_with_its_key_while_it_acts_for_the_merchant(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    partner = await vault.partners.add("Platform", "tests")
    await vault.partners.link(partner.partner_id, caller.merchant_id, "tests")
    async with receiving() as receiver:
        await vault.webhooks.add(caller.merchant_id, receiver.url, "tests", partner.partner_id)
        await a_saved_card(vault, caller)
        await deliver(vault.deliveries)
        (heard,) = receiver.heard
        client.verify(heard.body, heard.headers, partner.api_key.reveal(), now=clock.now() / 1e6)
        await vault.partners.unlink(partner.partner_id, caller.merchant_id, "tests")
        await a_saved_card(vault, caller, customer_id="customer-2")
        await deliver(vault.deliveries)
        assert len(receiver.heard) == 1


async def test_a_body_that_does_not_open_holds_up_no_other(vault: Vault, caller: Caller) -> None:
    async with receiving() as receiver:
        await notify(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await sql(vault.engine, "UPDATE webhook_events SET sealed = :other", other=bytes(120))
        await a_saved_card(vault, caller, customer_id="customer-2")
        await deliver(vault.deliveries)
        assert [told for _, _, told in await states(vault, caller.merchant_id)] == ["not_opened", "delivered"]


async def test_a_failure_is_logged_without_the_url_and_what_was_sent(
    vault: Vault, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving(AWAY) as receiver:
        await notify(vault, caller, receiver)
        card = await a_saved_card(vault, caller)
        with caplog.at_level(logging.WARNING):
            await deliver(vault.deliveries)
        (record,) = [each for each in caplog.records if each.message == "webhooks failed"]
        assert (vars(record)["count"], vars(record)["given_up"], vars(record)["answered"]) == (1, 0, 503)
        assert card.secrets
        assert card.secrets.par not in str(vars(record))
        assert str(receiver.port) not in str(vars(record))


async def test_attempts_are_counted_by_outcome(vault: Vault, caller: Caller) -> None:
    async with receiving(AWAY) as receiver:
        await notify(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await deliver(vault.deliveries)
        await vault.deliveries.sweep()
    registry = vault.worker_metrics.registry
    assert registry.get_sample_value("tokenvault_webhook_attempts_total", {"outcome": "refused"}) == 1
    assert registry.get_sample_value("tokenvault_webhook_endpoints_failing") == 1


async def test_a_removed_endpoint_is_sent_nothing_more(vault: Vault, caller: Caller) -> None:
    async with receiving() as receiver:
        endpoint = await notify(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await vault.webhooks.remove(caller.merchant_id, endpoint, "tests")
        assert await deliver(vault.deliveries) == 0
        assert await states(vault, caller.merchant_id) == []


async def test_a_worker_that_closes_ends_with_the_round_it_is_in(vault: Vault, caller: Caller) -> None:
    worker = a_worker(vault, pace=Pace(posts=1))
    async with receiving() as receiver:
        await notify(vault, caller, receiver)
        for number in range(20):
            await a_saved_card(vault, caller, customer_id=f"customer-{number}")
        await worker.begin_due()
        async with asyncio.timeout(10):
            await receiver.arrived.wait()
        await worker.close()
        told = len(receiver.heard)
        assert 0 < told < 20
        assert await deliver(worker) == 0
        assert await deliver(vault.deliveries) == 1, "another worker goes on at once"
        assert len(receiver.heard) == 20
        assert set(receiver.times_heard().values()) == {1}


async def test_several_servers_on_one_database_tell_everything_once(
    vault: Vault, caller: Caller, settings: Settings, clock: SettableClock
) -> None:
    second = await open_vault(settings, clock)
    async with receiving() as receiver:
        for number in range(4):
            await vault.webhooks.add(caller.merchant_id, f"{receiver.url}&{number}", "tests")
        for number in range(10):
            await a_saved_card(vault, caller, customer_id=f"customer-{number}")
        turns = 0
        for _ in range(2):
            turns += sum(await asyncio.gather(deliver(vault.deliveries), deliver(second.deliveries)))
        assert turns == 4
        assert len(receiver.heard) == 40
        assert set(receiver.times_heard().values()) == {4}, "once at each endpoint"
    await second.close()


async def test_what_a_dead_worker_had_is_told_by_another_when_its_claim_ends(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    async with receiving() as receiver:
        await notify(vault, caller, receiver)
        await a_saved_card(vault, caller)
        now = clock.now()
        await vault.engine.commit(lambda: webhook_queue.claim("dead", now, now + MINUTE, 1, failing=False))
        assert await deliver(vault.deliveries) == 0
        clock.advance(minutes=1)
        assert await deliver(vault.deliveries) == 1
        assert len(receiver.heard) == 1


async def test_dead_ones_are_listed_and_can_be_sent_again(vault: Vault, caller: Caller, clock: SettableClock) -> None:
    worker = a_worker(vault, schedule=schedule_of([]))
    async with receiving(AWAY) as receiver:
        await notify(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await deliver(worker)
        (dead,) = await vault.webhooks.deliveries(caller.merchant_id, [DeliveryState.DEAD])
        assert (dead.outcome, dead.answered, dead.settled_at) == ("refused", 503, clock.now())
        receiver.answer = OK
        await vault.webhooks.resend(caller.merchant_id, dead.event_id, "tests")
        await deliver(worker)
        assert [state for state, _, _ in await states(vault, caller.merchant_id)] == ["dead", "delivered"]
        assert receiver.heard[0].body == receiver.heard[1].body
