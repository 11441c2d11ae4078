"""`kill -9` during a call under an idempotency key: after the next start, a repeat acts at once, and once only."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Thread

import pytest

from tests.scenarios.test_kill_between import locked, value_of, wait_until
from tests.support import served_process
from tests.support.commands import run_json
from tests.support.emulator_process import STOP_SECONDS, Emulator, enrolment, instruments, started
from tests.support.http_client import Answer, Connection

Kill = Callable[[], None]


@contextmanager
def on_an_emulator(data: Path) -> Iterator[tuple[Emulator, Kill]]:
    """Yield an emulator and a function that kills it."""
    with started("--data", str(data)) as (running, process):

        def kill() -> None:
            process.send_signal(signal.SIGKILL)
            assert process.wait(STOP_SECONDS) == -signal.SIGKILL

        yield running, kill


@contextmanager
def on_a_server(data: Path) -> Iterator[tuple[Emulator, Kill]]:
    """Yield a served vault and a function that kills all its processes."""
    config = served_process.initialised(data)
    known = data / "merchant.json"
    if not known.exists():
        known.write_text(json.dumps(run_json("merchant", "add", "Corner Shop", "--config", str(config))))
    with served_process.started(data, merchant=json.loads(known.read_text())) as (running, process):

        def kill() -> None:
            served_process.kill_all(process)
            process.communicate(timeout=STOP_SECONDS)  # the output ends when every worker is gone

        yield running, kill


@pytest.mark.parametrize("serving", [on_an_emulator, on_a_server])
def test_a_repeat_under_the_same_key_acts_at_once_after_a_kill(
    tmp_path: Path, serving: Callable[[Path], AbstractContextManager[tuple[Emulator, Kill]]]
) -> None:
    data = tmp_path / "vault"
    with serving(data) as (running, kill):
        card = running.save("customer-1")["instrument_id"]
        calls = {
            "save": ("POST", instruments("customer-2"), enrolment()),
            "cryptogram": ("GET", instruments("customer-1", card) + "/cryptogram", None),
        }
        threads = [Thread(target=unanswered, args=(running, key, *call)) for key, call in calls.items()]
        with locked(data, "tsp.db"):  # both calls wait for the token service
            for thread in threads:
                thread.start()
            wait_until(data, "vault.db", "SELECT COUNT(*) = 2 FROM idempotency_keys WHERE state = 'running'")
            wait_until(data, "vault.db", "SELECT COUNT(*) FROM outbox WHERE topic = 'enrolment'")
            kill()
        for thread in threads:
            thread.join()
    with serving(data) as (running, _):
        other = call_under(running, "save", "POST", instruments("customer-3"), calls["save"][2])
        answers = {key: call_under(running, key, *call) for key, call in calls.items()}
        again = {key: call_under(running, key, *call) for key, call in calls.items()}
    assert other.status == 422
    assert {key: answer.status for key, answer in answers.items()} == {"save": 201, "cryptogram": 200}
    assert {key: answer.headers["x-idempotency-replayed"] for key, answer in answers.items()} == dict.fromkeys(
        calls, "false"
    )
    assert {key: answer.body for key, answer in again.items()} == {key: each.body for key, each in answers.items()}
    assert value_of(data, "vault.db", "SELECT COUNT(*) FROM instruments") == 2
    assert value_of(data, "vault.db", "SELECT SUM(cryptogram_count) FROM instruments") == 1
    assert value_of(data, "tsp.db", "SELECT COUNT(*) FROM tokens") == 2


def call_under(running: Emulator, key: str, method: str, target: str, body: dict[str, object] | None) -> Answer:
    """Make a call under an idempotency key."""
    with running.connection() as connection:
        return connection.ask(method, target, body, {"x-idempotency-key": key})


def unanswered(running: Emulator, key: str, method: str, target: str, body: dict[str, object] | None) -> None:
    """Make a call that gets no answer."""
    with Connection(running.base_url, running.headers()) as connection:
        try:
            connection.ask(method, target, body, {"x-idempotency-key": key})
        except OSError:
            return
    raise AssertionError("the vault answered although it was killed")
