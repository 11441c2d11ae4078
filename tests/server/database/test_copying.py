"""A vault moves from one database to another, whichever engines they have, with every row or not at all."""

from __future__ import annotations

from pathlib import Path

import apsw
import msgspec
import pytest

from tests.support.builders import (
    MASTERCARD,
    a_cryptogram,
    a_deleted_card,
    a_merchant,
    a_saved_card,
    sql,
)
from tests.support.clock import NOW, SettableClock
from tests.support.databases import BOTH
from tokenvault_server.bootstrap import Vault, open_engine, open_vault
from tokenvault_server.database import copying
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.migrate import migrate
from tokenvault_server.database.sqlite.engine import SqliteEngine
from tokenvault_server.errors import StoreError
from tokenvault_server.settings import Settings
from tokenvault_server.tsp.local.setup import PACKAGE as TSP_SCHEMA
from tokenvault_server.vault.initialisation import SCHEMA

PACKAGES = {"vault": SCHEMA, "token service": TSP_SCHEMA}
on_both_engines = pytest.mark.parametrize("store_kind", BOTH)


def unheard(_table: str, _rows: int) -> None:
    """Ignore the progress."""


async def new_database(url: str) -> Engine:
    return await open_engine(url, new=True, password=None, settings=Settings())


async def lived_in(vault: Vault) -> Vault:
    """A vault with merchants, cards, tombstones, cryptograms, signed audit and more of one kind than a page holds."""
    for name in ("Corner Shop", "Zebra Crossing"):
        caller = await a_merchant(vault, name)
        card = await a_saved_card(vault, caller)
        await a_cryptogram(vault, caller, card)
        await a_deleted_card(vault, caller, await a_saved_card(vault, caller, MASTERCARD, "Älteste Kundin"))
    await vault.audit.checkpoint()
    await vault.audit.anchor.create()
    rows = ", ".join(f"('partner_{number * 7919 % 2500:04d}', 'Partner', {number})" for number in range(2_500))
    await sql(vault.engine, f"INSERT INTO partners (partner_id, name, created_at) VALUES {rows}")
    return vault


@on_both_engines
async def test_a_vault_moves_there_and_back_and_goes_on(vault: Vault, clock: SettableClock, tmp_path: Path) -> None:
    caller = await a_merchant(await lived_in(vault))
    card = await a_saved_card(vault, caller)
    spent = await a_cryptogram(vault, caller, card)
    moved = msgspec.structs.replace(
        vault.settings, store=f"sqlite:///{tmp_path / 'moved.db'}", tsp_store=f"sqlite:///{tmp_path / 'moved-tsp.db'}"
    )
    for source, url, package in (
        (vault.engine, moved.store, SCHEMA),
        (vault.tsp_engine, moved.tsp_store, TSP_SCHEMA),
    ):
        target = await new_database(url)
        await copying.copy(source, target, package, NOW, unheard)
        await target.close()
    there = await open_vault(moved, clock)
    assert there.vault_id == vault.vault_id
    assert (await there.verify_audit()).intact
    instrument = card.instrument
    assert await there.instruments.fetch(caller, instrument.customer_id, instrument.instrument_id) == card
    further = await a_cryptogram(there, caller, card)
    assert further.cryptogram.value.reveal() != spent.cryptogram.value.reveal()
    await there.close()


@on_both_engines
async def test_every_row_of_every_table_arrives_in_a_new_database(vault: Vault, engine: Engine, tmp_path: Path) -> None:
    await lived_in(vault)
    between = SqliteEngine(tmp_path / "between.db")
    copied = await copying.copy(vault.engine, between, SCHEMA, NOW, unheard)
    assert (copied["partners"], copied["merchants"], copied["instruments"], copied["vault"]) == (2_500, 2, 4, 1)
    assert await copying.copy(between, engine, SCHEMA, NOW, unheard) == copied
    for table in copying.tables_of(SCHEMA):
        assert await copying.contents(engine, table) == await copying.contents(vault.engine, table), table.name
    await between.close()


@pytest.mark.parametrize("package", PACKAGES.values())
async def test_the_tables_are_those_of_the_schema_with_every_column(package: str, tmp_path: Path) -> None:
    target = SqliteEngine(tmp_path / "new.db")
    await migrate(target, package, NOW)
    await target.close()
    connection = apsw.Connection(str(tmp_path / "new.db"))
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    tables = {table.name: table for table in copying.tables_of(package)}
    assert tables.keys() == names - {"schema_migrations"}
    for name, table in tables.items():
        columns = list(connection.execute(f"SELECT name, pk FROM pragma_table_info('{name}')"))
        assert table.columns == tuple(column for column, _ in columns)
        assert table.key == tuple(column for column, position in sorted(columns, key=lambda each: each[1]) if position)
    connection.close()


async def test_a_target_that_is_not_empty_is_left_alone(vault: Vault, tmp_path: Path) -> None:
    target = SqliteEngine(tmp_path / "new.db")
    await copying.copy(vault.engine, target, SCHEMA, NOW, unheard)
    with pytest.raises(StoreError, match="not empty"):
        await copying.copy(vault.engine, target, SCHEMA, NOW, unheard)
    await target.close()


async def test_a_write_during_a_copy_is_detected(vault: Vault, tmp_path: Path) -> None:
    await lived_in(vault)
    target = SqliteEngine(tmp_path / "new.db")
    writer = apsw.Connection(str(tmp_path / "vault.db"))

    def write(table: str, _rows: int) -> None:
        if table == "merchants":
            writer.execute("UPDATE partners SET name = 'Another'")
        if table == "vault":
            writer.execute("UPDATE partners SET name = 'Renamed' WHERE partner_id = 'partner_0001'")

    with pytest.raises(StoreError, match="differ in 'partners'") as caught:
        await copying.copy(vault.engine, target, SCHEMA, NOW, write)
    assert "stop every server" in caught.value.hint
    writer.close()
    await target.close()


async def test_a_copy_that_was_broken_off_is_no_vault(vault: Vault, settings: Settings, tmp_path: Path) -> None:
    target = SqliteEngine(tmp_path / "new.db")

    def fall_over(table: str, _rows: int) -> None:
        if table == "audit_entries":
            raise KeyboardInterrupt

    await lived_in(vault)
    with pytest.raises(KeyboardInterrupt):
        await copying.copy(vault.engine, target, SCHEMA, NOW, fall_over)
    await target.close()
    broken = msgspec.structs.replace(settings, store=f"sqlite:///{tmp_path / 'new.db'}")
    with pytest.raises(StoreError, match="no vault yet"):
        await open_vault(broken, vault.clock)


async def test_a_source_with_an_older_schema_is_refused(engine: Engine, tmp_path: Path) -> None:
    target = SqliteEngine(tmp_path / "new.db")
    with pytest.raises(StoreError, match="older schema"):
        await copying.copy(engine, target, SCHEMA, NOW, unheard)
    await target.close()


@pytest.mark.parametrize("kind", PACKAGES)
async def test_a_database_tells_which_store_it_is(engine: Engine, kind: str) -> None:
    await migrate(engine, PACKAGES[kind], NOW)
    assert await copying.kind_of(engine, PACKAGES) == kind


async def test_a_database_of_something_else_is_not_copied(engine: Engine) -> None:
    with pytest.raises(StoreError, match="no store"):
        await copying.kind_of(engine, PACKAGES)
