"""How SQLite finds what is asked for: work must not grow with what else lies in the vault."""

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
WALKS = {
    "newest_active_of": "a row that is there whether somebody is found or not",
    "all_keys": "the inventory is of all keys",
    "next_change": "the one row of a vault",
    "read_changes": "likewise",
    "read_vault_id": "likewise",
    "list_chains": "the chains that it has found so far",
    "moved_heads": "a checkpoint covers every head",
    "last_checkpoint": "one row, the last",
    "id_of_merchant": "a row that is there whether somebody is found or not",
    "id_of_client": "likewise",
    "secrets_of_client": "likewise",
    "list_merchants": "operators see all",
    "list_partners": "operators see all",
    "list_links": "operators see all",
    "list_limits": "operators see all",
    "list_all_endpoints": "operators see all",
    "how_late": "a metric of all endpoints",
}
"""Statements that read all of something, and why they may."""

BY = {
    "due_deliveries": ["webhook_deliveries_by_due", "webhook_deliveries_in_line"],
    "hold_line": ["webhook_deliveries_in_line"],
    "latest_due": ["webhook_deliveries_in_line"],
    "next_due": ["webhook_deliveries_by_due"],
    "deliveries_of_event": ["webhook_deliveries_by_event"],
    "list_deliveries": ["webhook_deliveries_by_event"],
    "sweep_events": ["webhook_events_by_end", "webhook_deliveries_by_event"],
    "sweep_deliveries": ["webhook_deliveries_by_event"],
    "sweep_tombstones": ["instruments_by_deletion"],
    "bury_replies": ["idempotency_keys_by_reply"],
    "sweep_keys": ["idempotency_keys_by_expiry"],
    "find_fingerprint": ["idempotency_keys_by_fingerprint"],
    "find_reply": ["idempotency_keys_by_seal"],
    "claim_outbox": ["outbox_by_due"],
}
"""Where a planner has a choice: queues are long, and the other index would be walked through from end to end."""


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
    return {query.name: await plan(engine, query) for found in loaded for query in found.values()}


@pytest.mark.parametrize("name", FILES)
async def test_nothing_is_looked_for_in_all_rows_of_a_table(engine: Engine, name: str) -> None:
    walking = {
        query
        for query, steps in (await plans(engine, name)).items()
        if any(step.startswith("SCAN") for step in steps) and query not in WALKS
    }
    assert walking == set()


@pytest.mark.parametrize("query", BY)
async def test_a_statement_on_a_queue_takes_the_index_that_leads_there(engine: Engine, query: str) -> None:
    steps = " ".join((await plans(engine, "vault"))[query])
    assert [index for index in BY[query] if f"INDEX {index} " not in steps] == []


async def test_what_is_listed_newest_first_is_not_sorted_before(engine: Engine) -> None:
    assert not any("TEMP B-TREE" in step for step in (await plans(engine, "vault"))["list_deliveries"])


async def test_every_exception_is_needed(engine: Engine) -> None:
    walking = {
        query for query, steps in (await plans(engine, "vault")).items() if any("SCAN" in step for step in steps)
    }
    assert WALKS.keys() - walking == set()
