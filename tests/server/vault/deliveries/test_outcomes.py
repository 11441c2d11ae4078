"""Every answer of a receiver has its outcome in the queue, in the log and in metrics."""

from __future__ import annotations

import logging

import pytest

from tests.support.builders import a_saved_card
from tests.support.receiver import (
    AWAY,
    HANGS_UP,
    OK,
    SILENT,
    a_connector,
    add_endpoint,
    another_sender,
    deliver,
    receiving,
    states,
)
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.webhooks.schedule import Schedule


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
async def test_every_answer_has_its_outcome(vault: Vault, caller: Caller, answer: bytes | None, outcome: str) -> None:
    sender = another_sender(vault, a_connector(seconds=0.3 if answer is SILENT else 5))
    async with receiving(answer) as receiver:
        await add_endpoint(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await deliver(sender)
        ((state, attempts, stored),) = await states(vault, caller.merchant_id)
        assert (attempts, stored) == (1, outcome)
        assert state == ("delivered" if outcome == "delivered" else "pending")
        assert len(receiver.received) == 1


async def test_an_idle_connection_that_the_receiver_closed_is_replaced(vault: Vault, caller: Caller) -> None:
    connector = a_connector()
    async with receiving() as receiver:
        connection = connector.connection(receiver.url)
        assert await connection.open() is None
        assert (await connection.send({}, b'{"data":{"instrument":{"instrument_id":""}}}')).is_delivered
        receiver.answer = HANGS_UP
        assert (await connection.send({}, b"{}")).label == "malformed"
        receiver.answer = OK
        assert (await connection.send({}, b"{}")).is_delivered
        connection.close()
    connector.close()


async def test_a_failure_is_logged_without_url_and_body(
    vault: Vault, caller: Caller, caplog: pytest.LogCaptureFixture
) -> None:
    async with receiving(AWAY) as receiver:
        await add_endpoint(vault, caller, receiver)
        card = await a_saved_card(vault, caller)
        with caplog.at_level(logging.WARNING):
            await deliver(vault.deliveries)
        (record,) = [each for each in caplog.records if each.message == "webhooks failed"]
        assert (vars(record)["count"], vars(record)["given_up"], vars(record)["answered"]) == (1, 0, 503)
        assert card.secrets
        assert card.secrets.par
        assert card.secrets.par not in str(vars(record))
        assert str(receiver.port) not in str(vars(record))


async def test_attempts_are_counted_by_outcome(vault: Vault, caller: Caller) -> None:
    async with receiving(AWAY) as receiver:
        await add_endpoint(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await deliver(vault.deliveries)
        await vault.deliveries.sweep()
    registry = vault.background_metrics.registry
    assert registry.get_sample_value("tokenvault_webhook_attempts_total", {"outcome": "refused"}) == 1
    assert registry.get_sample_value("tokenvault_webhook_endpoints_failing") == 1
    assert registry.get_sample_value("tokenvault_webhook_dead_deliveries_total") == 0


async def test_a_delivery_that_is_given_up_is_counted(vault: Vault, caller: Caller) -> None:
    sender = another_sender(vault, a_connector(), schedule=Schedule(()))
    async with receiving(AWAY) as receiver:
        await add_endpoint(vault, caller, receiver)
        await a_saved_card(vault, caller)
        await deliver(sender)
    assert vault.background_metrics.registry.get_sample_value("tokenvault_webhook_dead_deliveries_total") == 1
