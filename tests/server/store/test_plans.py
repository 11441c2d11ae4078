"""Query plans of SQLite: a statement's work must not grow with the unrelated rows of a vault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.clock import NOW
from tests.support.schema import PACKAGES
from tokenvault_server import store
from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.migrate import migrate
from tokenvault_server.database.queries import Query, Statement

KEYS = ("tokenvault_server.database", "key_table.sql")
FILES = {
    "vault": [
        KEYS,
        *(("tokenvault_server.store", path.name) for path in sorted(Path(store.__path__[0]).glob("*.sql"))),
    ],
    "token-service": [("tokenvault_server.tsp.local", "tokens.sql")],
}
SCANS = {
    "newest_active_of": "one row is returned whether a key exists or not",
    "all_keys": "the inventory lists all keys",
    "next_change": "the table has one row",
    "read_changes": "as above",
    "read_vault_id": "as above",
    "list_chains": "it scans the chains that it has listed so far",
    "last_checkpoint": "it reads one row, the last",
    "id_of_merchant": "one row is returned whether the merchant exists or not",
    "merchant_of_client": "as above",
    "secrets_of_client": "as above",
    "list_merchants": "operators see all",
    "list_partners": "operators see all",
    "count_exhausted": "a restore steps every token",
    "step": "as above",
    "all_partner_keys": "verification reads every row",
    "list_links": "operators see all",
    "links_of_partner": "operators show and remove partners rarely",
    "endpoints_of_partner": "as above",
    "find_merchant_secret": "only an emulator looks whose secret a refused caller sent",
    "list_limits": "operators see all",
    "list_all_endpoints": "operators see all",
    "lag": "a metric of all endpoints",
    "pending_deliveries": "it reads a bounded part of an index",
    "state_of_outbox": "as above",
}
"""Statements that scan a table, and why they may."""

INDEXES = {
    "due_deliveries": ["webhook_deliveries_by_due", "webhook_deliveries_in_line"],
    "delay_later_deliveries": ["webhook_deliveries_in_line"],
    "latest_due": ["webhook_deliveries_in_line"],
    "next_due": ["webhook_deliveries_by_due"],
    "deliveries_of_event": ["webhook_deliveries_by_event"],
    "list_deliveries": ["webhook_deliveries_by_event"],
    "sweep_events": ["webhook_events_by_end", "webhook_deliveries_by_event"],
    "sweep_deliveries": ["webhook_deliveries_by_event"],
    "sweep_tombstones": ["instruments_by_deletion"],
    "drop_ended_replies": ["idempotency_keys_by_reply"],
    "sweep_keys": ["idempotency_keys_by_expiry"],
    "find_fingerprint": ["idempotency_keys_by_fingerprint"],
    "find_reply": ["idempotency_keys_by_seal"],
    "claim_outbox": ["outbox_by_due"],
    "pending_deliveries": ["webhook_deliveries_by_due"],
    "state_of_outbox": ["outbox_by_due"],
}
"""Where a planner has a choice: queues are long, and with another index it would scan all of them."""


@pytest.fixture
def store_kind() -> str:
    return "sqlite"


async def plan(engine: Engine, query: Query) -> list[str]:
    explaining = Query(query.name, f"EXPLAIN QUERY PLAN {query.text}")
    values = (None,) * len(query.parameters)
    return [str(row[3]) for row in await engine.read(Statement(explaining, values))]


async def plans(engine: Engine, name: str) -> dict[str, list[str]]:
    await migrate(engine, PACKAGES[name], NOW)
    loaded = [queries.load(package, file) for package, file in FILES[name]]
    return {query.name: await plan(engine, query) for statements in loaded for query in statements.values()}


@pytest.mark.parametrize("name", FILES)
async def test_no_statement_scans_a_table(engine: Engine, name: str) -> None:
    scanning = {
        query
        for query, steps in (await plans(engine, name)).items()
        if any(step.startswith("SCAN") for step in steps) and query not in SCANS
    }
    assert scanning == set()


@pytest.mark.parametrize("query", INDEXES)
async def test_statements_on_queues_use_the_right_index(engine: Engine, query: str) -> None:
    steps = " ".join((await plans(engine, "vault"))[query])
    assert [index for index in INDEXES[query] if f"INDEX {index} " not in steps] == []


async def test_deliveries_are_listed_without_sorting(engine: Engine) -> None:
    assert not any("TEMP B-TREE" in step for step in (await plans(engine, "vault"))["list_deliveries"])


@pytest.mark.parametrize("name", FILES)
async def test_every_exception_is_needed(engine: Engine, name: str) -> None:
    found = await plans(engine, name)
    assert {query for query in found.keys() & SCANS if not any("SCAN" in step for step in found[query])} == set()


def test_every_exception_names_a_statement() -> None:
    named = {query for files in FILES.values() for package, file in files for query in queries.load(package, file)}
    assert SCANS.keys() - named == set()
