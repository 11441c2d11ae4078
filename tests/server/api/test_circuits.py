"""When saving fails again and again nobody waits for it any more, paying goes on, and operators see it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.server.api.calls import INSTRUMENTS, Client, changed
from tests.support.builders import sql
from tests.support.clock import SettableClock
from tokenvault_server.bootstrap import Api, Vault, build_app
from tokenvault_server.telemetry.metrics import Metrics, open_circuits
from tokenvault_server.tsp.circuit import FAILURES, OPEN_SECONDS

OTHERS = INSTRUMENTS.replace("customer-1", "customer-2")


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def client(vault: Vault, metrics: Metrics) -> AsyncIterator[Client]:
    api = Api(vault.settings, vault)
    pipeline = await build_app(vault.settings, metrics, api, vault.clock).open()
    yield Client(vault, pipeline, await vault.merchants.add("Shop", "tests"))
    await api.stop()


async def rename(vault: Vault, table: str, to: str) -> None:
    await sql(vault.tsp_engine, f"ALTER TABLE {table} RENAME TO {to}")


async def test_cryptograms_are_issued_while_the_circuit_of_enrolment_is_open(
    client: Client, metrics: Metrics, clock: SettableClock
) -> None:
    card = await client.save()
    await rename(client.vault, "requestors", "hidden")  # whose ids new tokens need, and cryptograms do not
    for _ in range(FAILURES - 1):
        assert (await client.call("POST", OTHERS, body=changed())).status == 502
    assert open_circuits(metrics.registry) == []
    failed = await client.call("POST", OTHERS, body=changed())
    assert (failed.status, failed.code) == (502, "tokenization_service_unavailable")
    assert open_circuits(metrics.registry) == ["local.provision"]
    await rename(client.vault, "hidden", "requestors")
    not_asked = await client.call("POST", OTHERS, body=changed())
    assert (not_asked.status, not_asked.raw) == (502, failed.raw)
    assert (await client.call(path=f"{card}/cryptogram")).status == 200
    clock.advance(seconds=OPEN_SECONDS)
    assert (await client.call("POST", OTHERS, body=changed())).status == 201
    assert open_circuits(metrics.registry) == []
