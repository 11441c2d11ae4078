"""Webhooks are passed on as they were signed, and the answers go back to the vault."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from queue import Queue

import pytest
import urllib3

from tests.support.commands import tokenvault
from tests.support.webhook_listener import Listener, listening
from tokenvault_client import webhooks
from tokenvault_server.embedded import Emulator, Seed, SeedCustomer
from tokenvault_server.emulator.announcement import CONTROL_URL
from tokenvault_server.emulator.forwarding import Forwarded, Forwarder
from tokenvault_server.errors import SettingsError

SECONDS = 30


@pytest.fixture(scope="module")
def shared() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


@pytest.fixture
def emulator(shared: Emulator) -> Emulator:
    shared.reset()
    return shared


@pytest.fixture
def receiver() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


@pytest.fixture
def shown() -> Queue[Forwarded]:
    return Queue()


@pytest.fixture
def forwarder(emulator: Emulator, receiver: Listener, shown: Queue[Forwarded]) -> Iterator[Forwarder]:
    with Forwarder(emulator, receiver.url, shown.put) as running:
        yield running


def save_a_card(emulator: Emulator) -> None:
    emulator.seed(Seed(customers=[SeedCustomer("asha")]))


def test_a_webhook_arrives_as_it_was_signed(
    emulator: Emulator, forwarder: Forwarder, receiver: Listener, shown: Queue[Forwarded]
) -> None:
    save_a_card(emulator)
    emulator.webhooks.deliver()
    arrived = receiver.next()
    assert webhooks.verify(arrived.body, arrived.headers, emulator.webhook_secret).type == webhooks.INSTRUMENT_ACTIVE
    assert arrived.path == "/hook"
    assert shown.get(timeout=SECONDS)[:3] == (webhooks.INSTRUMENT_ACTIVE, "1", 200)


def test_an_event_that_the_receiver_refuses_comes_again(
    emulator: Emulator, forwarder: Forwarder, receiver: Listener, shown: Queue[Forwarded]
) -> None:
    receiver.status = 500
    save_a_card(emulator)
    emulator.webhooks.deliver()
    receiver.status = 200
    emulator.clock.advance(minutes=5)
    assert [shown.get(timeout=SECONDS)[1:3] for _ in range(2)] == [("1", 500), ("2", 200)]


def test_a_receiver_that_does_not_run_is_reported_and_counts_as_a_failure(
    emulator: Emulator, shown: Queue[Forwarded]
) -> None:
    with listening() as gone:
        target = gone.url
    with Forwarder(emulator, target, shown.put):
        save_a_card(emulator)
        emulator.webhooks.deliver()
    forwarded = shown.get(timeout=SECONDS)
    assert (forwarded.status, forwarded.failure) == (None, "Connection refused")
    assert {each.answered for each in emulator.webhooks.find()} == {200, 502}


def test_a_reset_emulator_is_joined_again_and_left_at_the_end(emulator: Emulator, forwarder: Forwarder) -> None:
    joined = emulator.webhooks.endpoints()
    emulator.reset()
    assert emulator.webhooks.endpoints() != joined
    forwarder.register()
    assert emulator.webhooks.endpoints() == joined
    forwarder.leave()
    assert len(emulator.webhooks.endpoints()) == len(joined) - 1


def test_only_the_emulator_can_have_something_forwarded(emulator: Emulator, receiver: Listener) -> None:
    with Forwarder(emulator, receiver.url, lambda _: None):
        joined = emulator.webhooks.endpoints()[-1]
        answer = urllib3.request("POST", joined.rpartition("/")[0] + "/", body=b"{}")
    assert (answer.status, receiver.attempts.qsize()) == (404, 0)


@pytest.mark.parametrize("target", ["localhost:8000", "file:///etc/passwd", "http://"])
def test_only_an_http_server_can_be_forwarded_to(emulator: Emulator, target: str, shown: Queue[Forwarded]) -> None:
    with pytest.raises(SettingsError, match="no URL to forward to"):
        Forwarder(emulator, target, shown.put)


def test_a_command_without_a_control_url_says_what_a_served_vault_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CONTROL_URL, raising=False)
    refused = tokenvault("listen", "--forward-to", "http://localhost:8000/webhooks")
    assert refused.returncode == 3
    assert "--control-url" in refused.stderr
    assert "tokenvault webhooks endpoints add" in refused.stderr


def test_the_command_prints_a_line_for_each_webhook_and_leaves_at_its_end(
    emulator: Emulator, receiver: Listener
) -> None:
    before = emulator.webhooks.endpoints()
    command = [sys.executable, "-m", "tokenvault_server", "listen", "--forward-to", receiver.url + "?key=secret"]
    environment = os.environ | {CONTROL_URL: emulator.control_url}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        assert process.stdout.readline() == f"webhooks go to {receiver.url}; press Ctrl+C to stop\n"
        save_a_card(emulator)
        emulator.webhooks.deliver()
        assert process.stdout.readline().startswith("INSTRUMENT_ACTIVE_WEBHOOK attempt 1 200 ")
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 0
    assert emulator.webhooks.endpoints() == before
