"""Sentry inside a real emulator and a real server, whose databases break, records no secret and no card."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support import served_process
from tests.support.emulator_process import STOP_SECONDS, VISA_DEBIT, Emulator, enrolment, instruments, started
from tests.support.http_client import Connection

SITE_CUSTOMISATION = """
import json, os
import sentry_sdk
from sentry_sdk.transport import Transport

class LocalTransport(Transport):
    def capture_envelope(self, envelope):
        with open(os.environ["SENTRY_EVENTS"], "a") as file:
            for item in envelope.items:
                file.write(json.dumps(item.payload.json, default=repr) + "\\\\n")

sentry_sdk.init(dsn="https://public@127.0.0.1/1", transport=LocalTransport, attach_stacktrace=True)
"""
TABLES = {"tsp.db": ["tokens"], "vault.db": ["instruments", "outbox", "idempotency_keys", "audit_heads"]}
LIST = instruments("asha") + "?instrument_type=card"


@contextmanager
def an_emulator(data: Path) -> Iterator[Emulator]:
    with started("--data", str(data), log=data.with_name("log")) as (running, process):
        yield running
        process.terminate()
        process.wait(STOP_SECONDS)


@contextmanager
def a_served_vault(data: Path) -> Iterator[Emulator]:
    with served_process.started(data, data.with_name("log")) as (running, process):
        yield running
        process.terminate()
        process.wait(STOP_SECONDS)


@pytest.mark.parametrize("serving", [an_emulator, a_served_vault])
def test_sentry_inside_the_process_records_failures_and_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serving: Callable[[Path], AbstractContextManager[Emulator]]
) -> None:
    site, events, data = tmp_path / "site", tmp_path / "events", tmp_path / "vault"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE_CUSTOMISATION)
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("SENTRY_EVENTS", str(events))
    with serving(data) as running:
        card = instruments("asha", running.save("asha")["instrument_id"])
        issued = running.ask("GET", card + "/cryptogram")[1]
        send_what_is_no_call(running)
        for database, tables in TABLES.items():
            with closing(sqlite3.connect(data / database, timeout=10)) as connection:
                for table in tables:
                    connection.execute(f"ALTER TABLE {table} RENAME TO {table}_gone")
            assert running.ask("POST", instruments("asha"), enrolment())[0] >= 500
            assert running.ask("GET", card + "/cryptogram")[0] >= 500
            running.ask("DELETE", card)
            running.ask("GET", LIST)
        with Connection(running.console_url, {}) as console:
            console.ask("GET", "ready")
    recorded = events.read_text() + (tmp_path / "log").read_text()
    assert '"call failed"' in recorded
    secrets = [running.client_secret, VISA_DEBIT, issued["card_number"], issued["cryptogram"], "Asha Rao"]
    secrets += json.loads((data / "master.key").read_text())["keys"].values()
    assert [secret for secret in secrets if secret in recorded] == []


def send_what_is_no_call(running: Emulator) -> None:
    """Send broken messages that hold an API secret and a card number."""
    address = urlsplit(running.base_url)
    headers = "".join(f"{name}: {value}\r\n" for name, value in running.headers().items())
    body = json.dumps(enrolment())
    chunk = f"{len(body):x}\r\n{body}\r\n"
    path = f"/pg{instruments('asha')}"
    for message in (
        f"GET {path} HTTP/1.1\r\nhost: x\r\n{headers}no header\r\n\r\n",
        f"GET {path}\0 HTTP/1.1\r\nhost: x\r\n{headers}\r\n",
        f"GET {path} HTTP/9.1\r\nhost: x\r\n{headers}\r\n",
        f"POST {path} HTTP/1.1\r\nhost: x\r\n{headers}transfer-encoding: chunked\r\n\r\n{chunk}zz\r\n",
    ):
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=10) as connection:
            connection.sendall(message.encode())
            connection.recv(1_000)
