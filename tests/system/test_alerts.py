"""Every alert fires when it should: each in a scenario of `promtool`, and most of them in a real Prometheus.

The last two tests break real servers in every way that takes seconds on one machine. `REAL` names these alerts, and the
runbooks say it too. Only durations are shortened; the conditions are those of the file.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

import asyncpg
import pytest
import yaml

from tests.client.authority import Authority
from tests.repository import tree
from tests.scenarios.test_operation import no_more_writes, ready, workers_of
from tests.support.commands import run_json
from tests.support.databases import POSTGRESQL, Stores, TestServer
from tests.support.databases import started as started_database
from tests.support.emulator_process import Emulator, enrolment, instruments
from tests.support.prometheus import ALERTS, SCENARIOS, firing, labels, prometheus, shortened, until_found
from tests.support.served_process import free_port, initialised, started

pytestmark = pytest.mark.system

IN_SCENARIOS_ONLY: Final = {
    "TokenvaultAbsent": "Prometheus would have to lose its targets",
    "TokenvaultAuditUnsigned": "it takes three minutes",
    "TokenvaultClock": "the machine has one clock",
    "TokenvaultVersionMismatch": "it needs two versions",
    "TokenvaultWebhooksLate": "it takes ten minutes",
}
"""Alerts that no test causes, and why."""
DASHBOARD: Final = tree.ROOT / "deploy/grafana/dashboard.json"
RULES: Final = ALERTS.read_text()
NAMES: Final = {rule["alert"] for group in yaml.safe_load(RULES)["groups"] for rule in group["rules"]}
REAL: Final = NAMES - IN_SCENARIOS_ONLY.keys()
IN_FILES: Final = {
    "TokenvaultCertificateExpires",
    "TokenvaultDatabaseRefusesWrites",
    "TokenvaultFilesExhausted",
}
"""Alerts that a vault on SQLite causes; the others come from one on PostgreSQL."""
FIRED: Final = 'ALERTS{alertstate="firing"}'
CALLERS: Final = 16
WRONG: Final = 150
PER_ADDRESS: Final = 20
CONNECTIONS: Final = 2
CALLS: Final = 10
IN_STORE: Final = """
    UPDATE instruments SET sealed = substr(sealed, 1, length(sealed) - 1) || '\\x00';
    UPDATE keys SET created_at = 0 WHERE purpose IN ('idempotency', 'audit');
    INSERT INTO outbox (merchant_id, outbox_id, topic, sealed, created_at, due_at)
        SELECT 'm', 'o', 'delete_token', '\\x00', 0, 9e15;
    INSERT INTO webhook_deliveries (merchant_id, endpoint_id, number, event_id, instrument_id, state, due_at)
        SELECT 'm', 'e', number, 'e', 'i', 'pending', 9e15 FROM generate_series(1, 10000) AS number;
"""
"""Breaks a record, makes two keys old, and adds an old task and many deliveries, which are due in many years."""


def promtool(folder: Path, rules: str) -> subprocess.CompletedProcess[str]:
    """Run the scenarios on rules."""
    (folder / ALERTS.name).write_text(rules)
    shutil.copy(SCENARIOS, folder)
    command = ["promtool", "test", "rules", SCENARIOS.name]
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def test_every_scenario_is_as_it_says(tmp_path: Path) -> None:
    done = promtool(tmp_path, RULES)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("expression", ["vector(0) > 1", "vector(1)"], ids=["never", "always"])
def test_every_scenario_fails_with_an_alert_that_is_wrong(tmp_path: Path, expression: str) -> None:
    wrong = re.sub(r"^( +)expr: (?:\|\n(?:\1  .*\n)+|.*\n)", rf"\1expr: {expression}\n", RULES, flags=re.MULTILINE)
    assert wrong.count(f"expr: {expression}\n") == len(NAMES)
    assert set(re.findall(r'alertname=\\"(\w+)\\"', promtool(tmp_path, wrong).stdout)) == NAMES


def test_every_expression_of_the_dashboard_is_a_query(tmp_path: Path) -> None:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    queries = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    filled = [query.replace("$__rate_interval", "5m").replace("$instance", ".*") for query in queries]
    rules = [{"record": f"panel_{number}", "expr": query} for number, query in enumerate(filled)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert f"SUCCESS: {len(queries)} rules found" in done.stdout, done.stdout + done.stderr


class Vault(NamedTuple):
    """A served vault on two PostgreSQL servers, which are broken one after the other."""

    running: Emulator
    process: subprocess.Popen[bytes]
    folder: Path
    stores: Stores
    database: TestServer
    tsp_database: TestServer

    def sql(self, statement: str) -> None:
        """Change the vault's database behind its back."""
        self.database.run(changed(self.stores.store, statement))


async def changed(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


@contextmanager
def vault(folder: Path) -> Iterator[Vault]:
    """Serve a vault whose merchant has a webhook endpoint that nobody listens on."""
    with ExitStack() as cleanup:
        database, tsp_database = (started_database(POSTGRESQL) for _ in range(2))
        cleanup.callback(database.remove)
        cleanup.callback(tsp_database.remove)
        store, _ = cleanup.enter_context(database.stores())
        _, tsp_store = cleanup.enter_context(tsp_database.stores())
        for each in (database, tsp_database):
            cleanup.callback(run_again, each)  # what drops the databases needs running servers
        stores = Stores(store, tsp_store)
        config = initialised(folder, stores)
        merchant = run_json("merchant", "add", "Corner Shop", "--config", str(config))
        url = f"http://127.0.0.1:{free_port()}/"
        environ = cleanup.enter_context(pytest.MonkeyPatch.context())
        environ.setenv("TOKENVAULT_WEBHOOK_HTTP", "true")
        environ.setenv("TOKENVAULT_WEBHOOK_NETWORKS", "127.0.0.0/8")
        run_json("webhooks", "endpoints", "add", merchant["merchant_id"], url, "--config", str(config))
        settings = {
            "RATE_LIMITS": "true",
            "RATE_LIMIT_PER_ADDRESS": str(PER_ADDRESS),
            "WEBHOOK_RETRY_MINUTES": "0.01",
            "CHECKPOINT_SECONDS": "1",
            "STORE_CONNECTIONS": str(CONNECTIONS),
            "STORE_TIMEOUT_SECONDS": "1.5",
        }
        running, process = cleanup.enter_context(
            started(folder, folder / "log", stores=stores, workers=2, merchant=merchant, further=settings)
        )
        yield Vault(running, process, folder, stores, database, tsp_database)


def run_again(database: TestServer) -> None:
    if not (database.data / "postmaster.pid").exists():
        database.start()


@contextmanager
def vault_in_files(folder: Path) -> Iterator[tuple[Emulator, subprocess.Popen[bytes]]]:
    """Serve a vault on SQLite with a certificate that expires in two days."""
    Authority(folder).server()
    certificate = folder / "Test Authority.server.pem"
    certificate.chmod(0o600)
    tls = {"TLS_CERTIFICATE": str(certificate), "TLS_KEY": str(certificate)}
    with started(folder / "vault", folder / "log", further=tls) as served:
        yield served


def test_every_alert_that_can_be_caused_fires(tmp_path: Path) -> None:
    folders = new_folders(tmp_path)
    with ExitStack() as running:
        broken = running.enter_context(vault(folders[0]))
        url = running.enter_context(prometheus(folders[1], [address_of(broken.running)], shortened(RULES)))
        assert until_found(url, "tokenvault_process_open_fds", "role", {"worker"}) == {"parent", "worker"}
        card = begin(broken, url)
        break_what_is_stored(broken, url, card)
        break_token_service(broken, url)
        stall_database(broken, url, card)
        stop_database(broken, url)
        broken.process.kill()
        await_alerts(url, "TokenvaultDown")
        fired = f"max_over_time({FIRED}[1h])"
        assert labels(url, fired, "alertname") | IN_FILES >= REAL
        texts = [text for each in firing(url).values() for text in each.values()]
        assert [text for text in texts if "error" in text.lower() and "<" in text] == []


def test_a_vault_in_files_warns_of_its_machine_and_its_certificate(tmp_path: Path) -> None:
    folders = new_folders(tmp_path)
    with ExitStack() as running:
        served, process = running.enter_context(vault_in_files(folders[0]))
        url = running.enter_context(prometheus(folders[1], [address_of(served)], shortened(RULES)))
        until_found(url, "tokenvault_process_open_fds", "role", {"worker"})
        break_machine(process, url)


def new_folders(where: Path) -> list[Path]:
    """Make a private folder for a vault and one for Prometheus."""
    folders = [where / name for name in ("vault", "prometheus")]
    for folder in folders:
        folder.mkdir(mode=0o700)
    return folders


def address_of(running: Emulator) -> str:
    """Return host and port of a server's admin listener."""
    return running.console_url.split("/")[2]


def await_alerts(url: str, *names: str) -> None:
    """Return when these alerts have fired."""
    fired = until_found(url, f"max_over_time({FIRED}[1h])", "alertname", set(names))
    assert fired >= set(names), set(names) - fired


def begin(broken: Vault, url: str) -> str:
    """Use the vault, badly at last; return the path of a saved card."""
    card = instruments("asha", broken.running.save("asha")["instrument_id"])
    assert broken.running.ask("GET", card)[0] == 200
    # A rate needs a first value: Prometheus takes a counter that appears for one that did not change.
    assert call_with_wrong_secret(broken.running) == 401
    until_found(url, 'tokenvault_calls_total{status="401"}', "status", {"401"})
    await_alerts(url, "TokenvaultWebhooksDead")
    for _ in range(WRONG):
        call_with_wrong_secret(broken.running)
    await_alerts(url, "TokenvaultAuthenticationFailures", "TokenvaultRateLimited")
    os.kill(workers_of(broken.process.pid)[0], signal.SIGKILL)
    await_alerts(url, "TokenvaultWorkerRestarts")
    until_found(url, 'tokenvault_processes{role="worker"} == 2', "role", {"worker"})  # it replaces old keys first
    return card


def call_with_wrong_secret(running: Emulator) -> int:
    with running.connection() as connection:
        return connection.ask("GET", instruments("asha"), headers={"x-client-secret": "wrong"}).status


def break_what_is_stored(broken: Vault, url: str, card: str) -> None:
    """Break a record, keys, queues and the anchor."""
    broken.sql(IN_STORE)
    (broken.folder / "audit-anchor.json").unlink()
    assert broken.running.ask("GET", card)[0] == 500
    until_found(url, 'tokenvault_calls_total{status="500"}', "status", {"500"})
    assert {broken.running.ask("GET", card)[0] for _ in range(CALLS)} == {500}
    await_alerts(
        url,
        "TokenvaultAuditAnchorWrong",
        "TokenvaultDailyKeyOld",
        "TokenvaultErrors",
        "TokenvaultMasterKeyOld",
        "TokenvaultOutboxLate",
        "TokenvaultUnreadableRecords",
        "TokenvaultWebhooksQueued",
    )


def break_machine(process: subprocess.Popen[bytes], url: str) -> None:
    """Let the files of a vault not grow any more, and a worker have hardly any file descriptors."""
    (worker,) = workers_of(process.pid)
    opened = len(list(Path(f"/proc/{worker}/fd").iterdir()))
    _, hard = resource.prlimit(worker, resource.RLIMIT_NOFILE)
    with no_more_writes(process.pid, worker):
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (opened + 1, hard))
        await_alerts(url, *IN_FILES)


def break_token_service(broken: Vault, url: str) -> None:
    """Stop the database of the token service, and save cards until its circuit is open."""
    broken.tsp_database.stop()
    assert broken.running.ask("POST", instruments("asha"), enrolment())[0] == 502
    until_found(url, 'tokenvault_calls_total{status="502"}', "status", {"502"})
    for _ in range(2 * CALLS):
        assert broken.running.ask("POST", instruments("asha"), enrolment())[0] == 502
    await_alerts(url, "TokenvaultCircuitOpen", "TokenvaultTokenServiceErrors")


def stall_database(broken: Vault, url: str, card: str) -> None:
    """Lock a table while more callers read it than there are connections."""

    async def stall() -> asyncpg.Connection[asyncpg.Record]:
        connection = await asyncpg.connect(broken.stores.store)
        await connection.execute("BEGIN; LOCK TABLE instruments IN ACCESS EXCLUSIVE MODE")
        return connection

    connection = broken.database.run(stall())
    with ThreadPoolExecutor(CALLERS) as callers:
        statuses = list(callers.map(lambda _: broken.running.ask("GET", card)[0], range(2 * CALLERS)))
    broken.database.run(connection.close())
    assert set(statuses) == {500}
    await_alerts(url, "TokenvaultPoolExhausted", "TokenvaultPoolWaits", "TokenvaultSlow")


def stop_database(broken: Vault, url: str) -> None:
    """Stop the vault's database; a probe then sees that the server is not ready."""
    broken.database.stop()
    assert ready(broken.running) == 503
    await_alerts(
        url, "TokenvaultCheckpointFails", "TokenvaultDatabaseErrors", "TokenvaultNotReady", "TokenvaultTasksFail"
    )
