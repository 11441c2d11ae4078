"""Migrations are applied once, in order and whole; a database that is too far ahead, or was edited, is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.builders import sql
from tests.support.databases import ALL
from tests.support.migrations import Package, importable
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.migrate import ahead, migrate, migrations_of, pending
from tokenvault_server.errors import SchemaMissingError, StoreError

NOW = 1_790_000_000_000_000
FIRST = "-- A table.\nCREATE TABLE one (a TEXT);\n"
INDEX = "-- concurrently --\nCREATE INDEX two_by_a ON two (a);\n"
SECOND = "CREATE TABLE two (a TEXT);\nINSERT INTO two VALUES ('kept');\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    made = importable(tmp_path, monkeypatch)
    made.write("0001_first.sql", FIRST)
    made.write("0002_second.sql", SECOND)
    return made


@pytest.fixture(params=ALL)
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


async def tables(engine: Engine) -> set[str]:
    try:
        rows = await sql(engine, "SELECT name FROM sqlite_master WHERE type = 'table'")
    except SchemaMissingError:
        rows = await sql(engine, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row[0] for row in rows}


async def indexes(engine: Engine) -> set[str]:
    """Return the names of the indexes of the table `two`."""
    try:
        rows = await sql(engine, "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'two'")
    except SchemaMissingError:
        rows = await sql(engine, "SELECT indexname FROM pg_indexes WHERE tablename = 'two'")
    return {row[0] for row in rows}


async def test_a_new_database_gets_every_migration_in_order(engine: Engine, package: Package) -> None:
    assert await migrate(engine, package.name, NOW) == ["0001_first.sql", "0002_second.sql"]
    assert await tables(engine) == {"one", "two", "schema_migrations"}
    assert await sql(engine, "SELECT a FROM two") == [("kept",)]


async def test_migrating_again_changes_nothing(engine: Engine, package: Package) -> None:
    await migrate(engine, package.name, NOW)
    assert await migrate(engine, package.name, NOW) == []
    assert await sql(engine, "SELECT COUNT(*) FROM two") == [(1,)]


async def test_only_missing_migrations_are_applied(engine: Engine, package: Package) -> None:
    await migrate(engine, package.name, NOW)
    package.write("0003_third.sql", "CREATE TABLE three (a TEXT);")
    assert await migrate(engine, package.name, NOW) == ["0003_third.sql"]


async def test_applied_migrations_are_recorded_with_their_time(engine: Engine, package: Package) -> None:
    await migrate(engine, package.name, NOW)
    rows = await sql(engine, "SELECT number, name, applied_at FROM schema_migrations ORDER BY number")
    assert rows == [(1, "0001_first.sql", NOW), (2, "0002_second.sql", NOW)]


async def test_a_database_of_a_newer_version_is_refused(engine: Engine, package: Package) -> None:
    await migrate(engine, package.name, NOW)
    package.remove("0002_second.sql")
    with pytest.raises(StoreError, match="newer version"):
        await migrate(engine, package.name, NOW)


async def test_a_database_is_used_by_software_that_its_newer_migrations_work_with(
    engine: Engine, package: Package
) -> None:
    newer = ["0003_works_with_0002_third.sql", "0004_works_with_0002_fourth.sql"]
    for name in newer:
        package.write(name, f"CREATE TABLE new_{name[:4]} (a TEXT);")
    await migrate(engine, package.name, NOW)
    for name in newer:
        package.remove(name)
    assert await pending(engine, package.name) == await migrate(engine, package.name, NOW) == []
    assert await ahead(engine, package.name) == newer


async def test_a_database_is_refused_by_software_that_one_newer_migration_does_not_work_with(
    engine: Engine, package: Package
) -> None:
    package.write("0003_works_with_0002_third.sql", "CREATE TABLE three (a TEXT);")
    package.write("0004_works_with_0003_fourth.sql", "-- Rows have a new format from here on.")
    await migrate(engine, package.name, NOW)
    package.remove("0004_works_with_0003_fourth.sql")
    assert await pending(engine, package.name) == []
    package.remove("0003_works_with_0002_third.sql")
    with pytest.raises(StoreError, match="newer version"):
        await pending(engine, package.name)


async def test_a_migration_that_is_missing_between_others_is_refused(engine: Engine, package: Package) -> None:
    package.write("0003_works_with_0001_third.sql", "CREATE TABLE three (a TEXT);")
    await migrate(engine, package.name, NOW)
    package.remove("0002_second.sql")
    with pytest.raises(StoreError, match="newer version"):
        await pending(engine, package.name)


async def test_a_concurrent_migration_makes_its_index_and_is_recorded(engine: Engine, package: Package) -> None:
    package.write("0003_index.sql", INDEX)
    package.write("0004_fourth.sql", "CREATE TABLE four (a TEXT);")
    assert await migrate(engine, package.name, NOW) == [
        "0001_first.sql",
        "0002_second.sql",
        "0003_index.sql",
        "0004_fourth.sql",
    ]
    assert await indexes(engine) == {"two_by_a"}
    assert await migrate(engine, package.name, NOW) == []


async def test_a_failure_leaves_what_was_applied_up_to_the_last_concurrent_migration(
    engine: Engine, package: Package
) -> None:
    package.write("0003_index.sql", INDEX)
    package.write("0004_fourth.sql", "INSERT INTO nowhere VALUES (1);")
    with pytest.raises(StoreError):
        await migrate(engine, package.name, NOW)
    assert await pending(engine, package.name) == ["0004_fourth.sql"]


async def test_a_concurrent_migration_that_fails_leaves_no_index(engine: Engine, package: Package) -> None:
    await migrate(engine, package.name, NOW)
    await sql(engine, "INSERT INTO two VALUES ('kept')")
    package.write("0003_index.sql", INDEX.replace("INDEX", "UNIQUE INDEX"))
    with pytest.raises(StoreError):
        await migrate(engine, package.name, NOW)
    assert await pending(engine, package.name) == ["0003_index.sql"]
    assert await indexes(engine) == set()


def test_a_concurrent_migration_has_nothing_but_indexes(package: Package) -> None:
    package.write("0003_index.sql", INDEX + "DROP TABLE two;")
    with pytest.raises(ValueError, match="only CREATE INDEX"):
        migrations_of(package.name)


async def test_a_migration_that_was_edited_after_it_was_applied_is_refused(engine: Engine, package: Package) -> None:
    await migrate(engine, package.name, NOW)
    package.write("0001_first.sql", FIRST + "-- One more remark.\n")
    with pytest.raises(StoreError, match="0001 was changed"):
        await migrate(engine, package.name, NOW)


async def test_a_migration_that_fails_leaves_none_of_those_applied_with_it(engine: Engine, package: Package) -> None:
    package.write("0003_third.sql", "CREATE TABLE three (a TEXT);\nINSERT INTO nowhere VALUES (1);")
    with pytest.raises(StoreError):
        await migrate(engine, package.name, NOW)
    assert await tables(engine) == {"schema_migrations"}
    assert await sql(engine, "SELECT COUNT(*) FROM schema_migrations") == [(0,)]


async def test_pending_migrations_are_listed_without_a_change(engine: Engine, package: Package) -> None:
    assert await pending(engine, package.name) == ["0001_first.sql", "0002_second.sql"]
    assert await tables(engine) == set()
    await migrate(engine, package.name, NOW)
    assert await pending(engine, package.name) == []


async def test_other_files_in_the_folder_are_left_alone(engine: Engine, package: Package) -> None:
    package.write("README.md", "-- nothing --")
    package.write("3_short.sql", "CREATE TABLE three (a TEXT);")
    assert len(await migrate(engine, package.name, NOW)) == 2


@pytest.mark.parametrize("name", ["tokenvault_server.store", "tokenvault_server.tsp.local"])
def test_our_own_migrations_are_numbered_from_one_without_a_gap(name: str) -> None:
    numbers = [migration.number for migration in migrations_of(name)]
    assert numbers == list(range(1, len(numbers) + 1))
