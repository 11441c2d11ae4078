"""SQLite alone: many units to one durable commit, its files, its locks, a full disk."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.server.database.bodies import NUMBERS, TABLE, inserting, numbers
from tests.support.builders import sql
from tokenvault_server.database.engine import Work, single_statement
from tokenvault_server.database.queries import Query
from tokenvault_server.database.sqlite.engine import SqliteEngine
from tokenvault_server.errors import StoreError


@pytest.fixture
async def engine(engine: SqliteEngine) -> SqliteEngine:
    await sql(engine, TABLE)
    return engine


def wal_size(engine: SqliteEngine) -> int:
    return Path(f"{engine.path}-wal").stat().st_size


async def test_a_body_sees_the_writes_of_the_bodies_before_it_in_its_group(engine: SqliteEngine) -> None:
    def count() -> Work[int]:
        return len((yield NUMBERS()))

    _, counted, _ = await asyncio.gather(engine.commit(inserting(1)), engine.commit(count), engine.commit(inserting(2)))
    assert counted == 1


async def test_queued_bodies_share_a_transaction(engine: SqliteEngine) -> None:
    await sql(engine, "PRAGMA wal_autocheckpoint = 0")
    before = wal_size(engine)
    await asyncio.gather(*(engine.commit(inserting(number)) for number in range(100)))
    pages = (wal_size(engine) - before) / 4096
    assert await numbers(engine) == list(range(100))
    assert pages < 50  # a transaction of its own would write at least one page for each of the hundred


async def test_a_database_that_another_connection_writes_to_is_locked(engine: SqliteEngine) -> None:
    await sql(engine, "PRAGMA busy_timeout = 10")
    with closing(apsw.Connection(str(engine.path))) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            await engine.commit(inserting(1))
        other.execute("ROLLBACK")
    assert await engine.commit(inserting(1)) == 1


async def test_another_process_waits_its_turn_and_both_are_done(engine: SqliteEngine) -> None:
    script = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('INSERT INTO numbers VALUES (100, 0)'); "
    process = subprocess.Popen([sys.executable, "-c", script + "c.commit()", str(engine.path)])  # noqa: ASYNC220  # it runs beside us
    await asyncio.gather(*(engine.commit(inserting(number)) for number in range(100)))
    assert await asyncio.to_thread(process.wait) == 0
    assert await numbers(engine) == list(range(101))


async def test_a_full_disk_undoes_everything_that_was_to_be_committed_together(engine: SqliteEngine) -> None:
    ((pages,),) = await sql(engine, "PRAGMA page_count")
    await sql(engine, f"PRAGMA max_page_count = {pages + 1}")
    large = Query("large", "INSERT INTO numbers VALUES (:number, hex(zeroblob(100000)))")
    bodies = [inserting(1), single_statement(large(number=2)), inserting(3)]
    results = await asyncio.gather(*(engine.commit(body) for body in bodies), return_exceptions=True)
    assert all(isinstance(result, StoreError) for result in results)
    assert await numbers(engine) == []


async def test_after_a_full_disk_has_room_again_work_goes_on(engine: SqliteEngine) -> None:
    await sql(engine, "PRAGMA max_page_count = 1")
    with pytest.raises(StoreError, match="the disk is full") as caught:
        await sql(engine, "INSERT INTO numbers VALUES (1, hex(zeroblob(100000)))")
    assert caught.value.hint.startswith("free space on the file system of ")
    await sql(engine, "PRAGMA max_page_count = 100000")
    assert await engine.commit(inserting(2)) == 1


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("synchronous", 2), ("journal_mode", "wal"), ("foreign_keys", 1), ("secure_delete", 1), ("temp_store", 2)],
)
async def test_the_writer_is_durable_and_overwrites_deleted_rows(
    engine: SqliteEngine, pragma: str, value: int | str
) -> None:
    assert await sql(engine, f"PRAGMA {pragma}") == [(value,)]


async def test_its_files_are_their_owners_alone(engine: SqliteEngine) -> None:
    await engine.commit(inserting(1))
    assert modes(engine.path.parent) == {"test.db": 0o600, "test.db-wal": 0o600, "test.db-shm": 0o600}


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


async def test_a_deleted_value_is_in_no_file_any_more(engine: SqliteEngine) -> None:
    await sql(engine, "INSERT INTO numbers VALUES (1, 'a value to be forgotten')")
    await sql(engine, "UPDATE numbers SET text = NULL")
    await engine.close()
    assert b"to be forgotten" not in engine.path.read_bytes()


async def test_a_deleted_value_is_in_no_file_after_a_scrub(engine: SqliteEngine) -> None:
    await sql(engine, "INSERT INTO numbers VALUES (1, 'a value to be forgotten')")
    await sql(engine, "DELETE FROM numbers")
    assert files_with(engine, b"to be forgotten") == {"test.db-wal"}
    await asyncio.gather(engine.scrub(), engine.commit(inserting(2)), engine.scrub())
    await engine.scrub()
    assert files_with(engine, b"to be forgotten") == set()
    assert wal_size(engine) == 0
    assert await numbers(engine) == [2]


async def test_a_scrub_that_a_reader_of_another_process_blocks_fails_and_succeeds_later(engine: SqliteEngine) -> None:
    await engine.commit(inserting(1))
    with closing(apsw.Connection(str(engine.path))) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM numbers").fetchall()
        with pytest.raises(StoreError, match="locked"):
            await engine.scrub()
        assert await engine.commit(inserting(2)) == 1
        other.execute("COMMIT")
    await engine.scrub()
    assert wal_size(engine) == 0


async def test_reads_and_commits_go_on_beside_scrubs(engine: SqliteEngine) -> None:
    async def use(number: int) -> None:
        await engine.commit(inserting(number))
        await engine.read(NUMBERS())

    for start in range(0, 60, 20):
        await asyncio.gather(*(use(start + number) for number in range(20)), engine.scrub(), engine.read(NUMBERS()))
    assert await numbers(engine) == list(range(60))


def files_with(engine: SqliteEngine, value: bytes) -> set[str]:
    return {file.name for file in engine.path.parent.iterdir() if value in file.read_bytes()}


def test_a_missing_folder_is_an_error_with_its_path_in_the_hint(tmp_path: Path) -> None:
    with pytest.raises((StoreError, OSError)):
        SqliteEngine(tmp_path / "nowhere" / "vault.db")


def test_a_file_that_is_not_a_database_is_an_error_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "vault.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="not a database") as caught:
        SqliteEngine(tmp_path / "vault.db")
    assert "vault.db" in caught.value.hint
