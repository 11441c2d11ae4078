"""Prometheus itself reads our metrics: `promtool` has no remark about them, and a server scrapes and stores them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.commands import run_json
from tests.support.databases import POSTGRESQL, TestServer, started
from tests.support.emulator_process import Emulator, emulator, instruments
from tests.support.exposition import assert_well_formed, scraped, value_of
from tests.support.prometheus import prometheus, until_found
from tests.support.served_process import initialised, served
from tests.support.webhook_listener import Listener, listening
from tokenvault_server.settings import CONFIG_FILE

pytestmark = pytest.mark.system

CALLS = 100


@pytest.fixture(scope="module")
def server() -> Iterator[TestServer]:
    server = started(POSTGRESQL)
    yield server
    server.remove()


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


@pytest.fixture(scope="module")
def servers(
    tmp_path_factory: pytest.TempPathFactory, server: TestServer, listener: Listener
) -> Iterator[dict[str, Emulator]]:
    """Run an emulator, and `serve` on both engines; each sends the events of its merchant to the listener."""
    with ExitStack() as running, pytest.MonkeyPatch.context() as environ:
        environ.setenv("TOKENVAULT_WEBHOOK_HTTP", "true")
        environ.setenv("TOKENVAULT_WEBHOOK_NETWORKS", "127.0.0.0/8")
        found = {"emulator": running.enter_context(emulator("--webhook-url", listener.url, "--no-rate-limits"))}
        for kind, stores in (("sqlite", ()), ("postgresql", running.enter_context(server.stores()))):
            folder = tmp_path_factory.mktemp(kind)
            initialised(folder, stores)
            each = found[kind] = running.enter_context(served(folder, stores=stores, workers=1 + bool(stores)))
            merchant = each.partner_merchant_id
            run_json("webhooks", "endpoints", "add", merchant, listener.url, "--config", str(folder / CONFIG_FILE))
        yield found


@pytest.mark.parametrize("kind", ["emulator", "sqlite", "postgresql"])
def test_promtool_has_no_remark_about_an_idle_and_a_busy_server(
    servers: dict[str, Emulator], listener: Listener, kind: str
) -> None:
    running = servers[kind]
    assert remarks(scraped(running)) == ""
    path = instruments("asha", running.save("asha")["instrument_id"])
    listener.next()
    with ThreadPoolExecutor(1) as caller:
        calling = caller.submit(fetch, running, path)
        while not calling.done():
            assert remarks(scraped(running)) == ""
        calling.result()
    families = assert_well_formed(scraped(running))
    assert value_of(families, "tokenvault_webhook_attempt_seconds_count") == 1
    assert value_of(families, "tokenvault_webhook_attempts_total", outcome="delivered") == 1


def test_prometheus_scrapes_every_server(servers: dict[str, Emulator], tmp_path: Path) -> None:
    addresses = {running.console_url.split("/")[2] for running in servers.values()}
    with prometheus(tmp_path, sorted(addresses)) as url:
        assert until_found(url, "up == 1", "instance", addresses) == addresses
        histogram = 'tokenvault_webhook_attempt_seconds_bucket{le="+Inf"}'
        assert until_found(url, histogram, "instance", addresses) == addresses


def fetch(running: Emulator, path: str) -> None:
    with running.connection() as connection:
        for _ in range(CALLS):
            connection.ask("GET", path)


def remarks(text: str) -> str:
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"promtool ended with {done.returncode}")
