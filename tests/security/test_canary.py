"""Card numbers, tokens, cryptograms and secrets go through a server in every way; the tests then search for them.

They may be in two files that hold credentials by design, and in the answers that contain them on purpose. They must be
nowhere else, in no encoding: while the server runs, after it was killed, and after it stopped cleanly. The sealed
record of a deleted card must be in no file either, a few seconds after the deletion. The server is traced, and sends
its spans to a receiver.
"""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from subprocess import Popen
from threading import Event
from typing import Any

import pytest

from tests.security.everywhere import everywhere, no_http
from tests.security.spellings import leaks, spellings
from tests.support import emulator_process, served_process
from tests.support.commands import run_json
from tests.support.emulator_process import STOP_SECONDS, Emulator, instruments
from tests.support.http_client import Answer
from tests.support.otlp_receiver import CLIENT, SERVER, ReceivedSpan, receiving
from tests.support.raw_socket import exchange
from tests.support.served_process import kill_all
from tests.support.webhook_listener import Listener, ReceivedAttempt, listening
from tokenvault_server.backups.age import Identity, new_identity

CREDENTIAL_FILES = {"emulator.json", "master.key"}
SCRUBBED_SECONDS = 20
"""The scrub runs every 5 seconds; the machine may be busy."""
PANS = ("4706131211212123", "5409162669381034", "6074825972083818", "378282246310005", "30569309025904")
CARELESS = PANS[0]
WRONG_SECRETS = ("tvsk_a-secret-that-was-mistyped", "tvpk_a-partner-key-that-was-mistyped")

Started = Callable[[Path, Path], AbstractContextManager[tuple[Emulator, Popen[Any]]]]


@dataclass
class Run:
    """What one full run left behind."""

    folder: Path
    temporary: Path
    """The directory for temporary files, whose contents are searched like the vault's."""
    log: Path
    secrets: set[str] = field(default_factory=set)
    """Everything that must not be found."""
    auth_failures: list[Answer] = field(default_factory=list)
    cards: list[Answer] = field(default_factory=list)
    deliveries: list[ReceivedAttempt] = field(default_factory=list)
    """The webhooks that an endpoint received."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Every file of the vault and every temporary file, at each stage."""
    deleted: list[bytes] = field(default_factory=list)
    """The sealed records of deleted cards."""
    ids: set[str] = field(default_factory=set)
    """Of customers and cards, which no span may hold."""
    exports: list[bytes] = field(default_factory=list)
    """The requests with spans, as a receiver got them."""
    spans: list[ReceivedSpan] = field(default_factory=list)

    def keep(self, stage: str) -> None:
        """Copy every file as it is at this moment."""
        self.files |= {
            f"{stage}: {file.relative_to(base)}": file.read_bytes()
            for base in (self.folder, self.temporary)
            for file in sorted(base.rglob("*"))
            if file.is_file() and file.name not in CREDENTIAL_FILES
        }

    def sealed_record(self, instrument_id: str) -> bytes:
        """Return a card's sealed record, as the database holds it."""
        with closing(sqlite3.connect(self.folder / "vault.db")) as database:
            query = "SELECT sealed FROM instruments WHERE instrument_id = ?"
            return bytes(database.execute(query, (instrument_id,)).fetchone()[0])

    def await_scrub(self) -> None:
        """Return when no file holds the sealed record of a deleted card, or when the time for that is over."""
        never = Event()
        for _ in range(SCRUBBED_SECONDS * 2):
            contents = [file.read_bytes() for file in self.folder.glob("*.db*")]
            if not any(record in content for record in self.deleted for content in contents):
                return
            never.wait(0.5)


def an_emulator(folder: Path, log: Path) -> AbstractContextManager[tuple[Emulator, Popen[Any]]]:
    options = ("--no-rate-limits", "--log-level", "debug", "--data", str(folder))
    return emulator_process.started(*options, log=log, quiet=False)


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    """A webhook endpoint on this machine; a setting allows the served vault to post to it."""
    with listening() as running, pytest.MonkeyPatch.context() as environment:
        environment.setenv("TOKENVAULT_WEBHOOK_HTTP", "true")
        environment.setenv("TOKENVAULT_WEBHOOK_NETWORKS", "127.0.0.0/8")
        yield running


def a_served_vault(folder: Path, log: Path) -> AbstractContextManager[tuple[Emulator, Popen[Any]]]:
    return served_process.started(folder, log, level="debug")


@pytest.fixture(scope="module", params=[an_emulator, a_served_vault], ids=["emulator", "serve"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, listener: Listener) -> Run:
    base = tmp_path_factory.mktemp("canary")
    run = Run(base / "vault", base / "temporary", base / "log")
    run.temporary.mkdir()
    with pytest.MonkeyPatch.context() as environment, receiving() as collector:
        environment.setenv("TMPDIR", str(run.temporary))
        for name, value in collector.variables.items():
            environment.setenv(name, value)
        play(request.param, run, listener)
        run.exports, run.spans = collector.requests, collector.spans
    return run


def play(started: Started, run: Run, listener: Listener) -> None:
    """Use and misuse a server, kill it, and use and stop another one."""
    with started(run.folder, run.log) as (running, process):
        notify(running, run.folder, listener.url)
        use(running, run)
        run.deliveries = [listener.next() for _ in range(len(PANS) + 1)]
        misuse(running, run)
        run.await_scrub()
        back_up(run)
        run.keep("running")
        kill_all(process)
        process.wait(STOP_SECONDS)
        run.keep("killed")
    with started(run.folder, run.log) as (running, process):
        use(running, run)
        process.terminate()
        process.wait(STOP_SECONDS)
        run.keep("ended")


def use(running: Emulator, run: Run) -> None:
    """Save, fetch, pay with and delete one card of each network, as a good client does."""
    run.secrets |= {*PANS, *WRONG_SECRETS, running.client_secret}
    run.secrets |= {running.partner_api_key} if running.partner_api_key else set()
    with running.connection() as connection:
        for pan in PANS:
            saved = connection.ask("POST", instruments("careful"), emulator_process.enrolment(pan))
            path = instruments("careful", saved.json()["instrument_id"])
            cryptogram = connection.ask("GET", path + "/cryptogram").json()
            run.secrets |= {cryptogram["card_number"], cryptogram["cryptogram"]}
            run.deleted.append(run.sealed_record(saved.json()["instrument_id"]))
            run.ids |= {"careful", "careless", saved.json()["instrument_id"]}
            run.cards += [saved, connection.ask("GET", path), connection.ask("DELETE", path)]
        run.cards.append(connection.ask("GET", instruments("careful") + "?instrument_type=card"))
        kept = connection.ask("POST", instruments("careful"), emulator_process.enrolment(PANS[1]))
        run.cards.append(kept)


def notify(running: Emulator, folder: Path, url: str) -> None:
    """Add a webhook endpoint of the merchant, as an operator does."""
    config = folder / "tokenvault.toml"
    whose = ("--config", str(config)) if config.exists() else ("--data", str(folder))
    run_json("webhooks", "endpoints", "add", running.partner_merchant_id, url, *whose)


def back_up(run: Run) -> None:
    """Back up the vault while it runs; keep the file, and what the holder of the recovery key finds in it."""
    private, public = new_identity()
    config = run.folder / "tokenvault.toml"
    whose = ("--config", str(config)) if config.exists() else ("--data", str(run.folder))
    backup = run.temporary / "backup.age"
    run_json("backup", str(backup), "--to", public, *whose)
    with backup.open("rb") as file:
        Identity(private.reveal()).open(file, decrypted := BytesIO())
    run.files["running: decrypted backup"] = decrypted.getvalue()


def misuse(running: Emulator, run: Run) -> None:
    """Send a card number, a token, and right and wrong secrets in every part of a request."""
    token = next(value for value in run.secrets if value.startswith("499999"))
    good = running.headers()
    for value in (CARELESS, token, running.client_secret, *WRONG_SECRETS):
        answers = [exchange(running.base_url, each) for each in everywhere(value, good)]
        answers += [exchange(running.base_url, each, ends=True) for each in no_http(value, good)]
        run.auth_failures += [answer for answer in answers if answer is not None and answer.status >= 400]


def test_no_file_of_the_vault_holds_a_secret(run: Run) -> None:
    assert len(run.files) >= 3 * 2
    assert leaks(run.files, run.secrets) == []


def test_no_file_holds_the_sealed_record_of_a_deleted_card(run: Run) -> None:
    assert len(run.deleted) == 2 * len(PANS)
    assert any(name.endswith("-wal") for name in run.files)
    assert any(name.endswith("-shm") for name in run.files)
    assert [name for name, content in run.files.items() if any(record in content for record in run.deleted)] == []


def test_no_log_line_holds_a_secret(run: Run) -> None:
    log = run.log.read_bytes()
    assert b'"level":"info"' in log
    assert leaks({"log": log}, run.secrets) == []


def test_no_rejection_holds_a_secret(run: Run) -> None:
    assert len(run.auth_failures) > 500
    bodies = {f"rejection {number}": answer.body for number, answer in enumerate(run.auth_failures)}
    assert leaks(bodies, run.secrets) == []


def test_no_header_of_a_rejection_holds_a_card_number(run: Run) -> None:
    """A request id or key is echoed, whatever it is; one that holds a card number is not."""
    headers = {f"rejection {number}": repr(answer.headers).encode() for number, answer in enumerate(run.auth_failures)}
    assert leaks(headers, PANS) == []


def test_a_saved_card_is_returned_without_its_number_or_token(run: Run) -> None:
    bodies = {f"answer {number}": answer.body for number, answer in enumerate(run.cards)}
    assert leaks(bodies, run.secrets) == []


def test_a_webhook_holds_neither_number_nor_token_nor_secret(run: Run) -> None:
    assert len(run.deliveries) == len(PANS) + 1
    bodies = {f"delivery {number}": each.body for number, each in enumerate(run.deliveries)}
    headers = {f"headers {number}": repr(each.headers).encode() for number, each in enumerate(run.deliveries)}
    assert leaks(bodies | headers, run.secrets) == []


def test_no_span_holds_a_secret_or_the_id_of_a_customer_or_a_card(run: Run) -> None:
    assert len([span for span in run.spans if span.kind == SERVER]) > 500
    assert {span.name for span in run.spans} >= {"POST", "COMMIT", "tsp provision", "tsp cryptogram"}
    assert len([span for span in run.spans if span.kind == CLIENT and span.name == "POST"]) > len(PANS)
    exports = {f"export {number}": body for number, body in enumerate(run.exports)}
    assert leaks(exports, run.secrets | run.ids) == []


def test_no_span_has_an_event_in_which_an_error_would_be(run: Run) -> None:
    assert [span for span in run.spans if span.events] == []


def test_every_file_is_its_owners_alone(run: Run) -> None:
    open_to_others = [file.name for file in run.folder.rglob("*") if stat.S_IMODE(file.stat().st_mode) & 0o077]
    assert open_to_others == []
    assert stat.S_IMODE(run.folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("value", [CARELESS, "tvsk_a+secret/of~some-kind", "oQEAAY2eK3qawI9paz8ZFgDIk+U="])
def test_whatever_is_hidden_is_found(value: str) -> None:
    for name, needle in spellings(value).items():
        haystack = {"somewhere": b"before" + needle + b"after"}
        assert f"somewhere: value 0 as {name}" in leaks(haystack, [value])
        assert leaks({"somewhere": b"before" + needle[:-1] + b"|after"}, [value]) == []
