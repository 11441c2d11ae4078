"""The SQLite engine: many units to one durable commit, each undone alone, and errors in our own words."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.support.builders import sql
from tokenvault_server.database.engine import Rows, Unit, Work, alone
from tokenvault_server.database.queries import Query
from tokenvault_server.database.sqlite import SqliteEngine
from tokenvault_server.errors import StoreError

INSERT = Query("insert", "INSERT INTO numbers (number) VALUES (:number)")
NUMBERS = Query("numbers", "SELECT number FROM numbers ORDER BY number")


@pytest.fixture
async def engine(engine: SqliteEngine) -> SqliteEngine:
    await sql(engine, "CREATE TABLE numbers (number INTEGER PRIMARY KEY, text TEXT)")
    return engine


async def numbers(engine: SqliteEngine) -> list[int]:
    return [row[0] for row in await engine.read(NUMBERS())]


def inserting(*values: int, then: Exception | None = None) -> Callable[[], Work[int]]:
    def body() -> Work[int]:
        for value in values:
            yield INSERT(number=value)
        if then:
            raise then
        return len(values)

    return body


def wal_size(engine: SqliteEngine) -> int:
    return Path(f"{engine.path}-wal").stat().st_size


async def test_a_committed_body_is_read_back_and_gives_its_result(engine: SqliteEngine) -> None:
    assert await engine.commit(inserting(1, 2)) == 2
    assert await numbers(engine) == [1, 2]


async def test_a_body_is_sent_the_rows_of_what_it_yields(engine: SqliteEngine) -> None:
    def body() -> Work[Rows]:
        yield INSERT(number=7)
        return (yield NUMBERS())

    assert await engine.commit(body) == [(7,)]


async def test_a_body_that_raises_after_writing_leaves_nothing(engine: SqliteEngine) -> None:
    with pytest.raises(LookupError):
        await engine.commit(inserting(1, 2, then=LookupError()))
    assert await numbers(engine) == []


async def test_a_body_that_raises_before_it_begins_is_told_to_its_caller(engine: SqliteEngine) -> None:
    def body() -> Work[None]:
        raise LookupError

    with pytest.raises(LookupError):
        await engine.commit(body)


async def test_a_failing_body_undoes_itself_alone_among_its_neighbours(engine: SqliteEngine) -> None:
    bodies = [inserting(1), inserting(2, then=LookupError()), inserting(3)]
    results = await asyncio.gather(*(engine.commit(body) for body in bodies), return_exceptions=True)
    assert [type(result) for result in results] == [int, LookupError, int]
    assert await numbers(engine) == [1, 3]


async def test_a_body_sees_what_its_neighbours_wrote_before_it(engine: SqliteEngine) -> None:
    def count() -> Work[int]:
        return len((yield NUMBERS()))

    _, counted, _ = await asyncio.gather(engine.commit(inserting(1)), engine.commit(count), engine.commit(inserting(2)))
    assert counted == 1


async def test_a_thousand_commits_at_once_are_all_done(engine: SqliteEngine) -> None:
    await asyncio.gather(*(engine.commit(inserting(number)) for number in range(1000)))
    assert await numbers(engine) == list(range(1000))


async def test_what_queues_up_shares_a_transaction(engine: SqliteEngine) -> None:
    await sql(engine, "PRAGMA wal_autocheckpoint = 0")
    before = wal_size(engine)
    await asyncio.gather(*(engine.commit(inserting(number)) for number in range(100)))
    pages = (wal_size(engine) - before) / 4096
    assert await numbers(engine) == list(range(100))
    assert pages < 50  # a transaction of its own would write at least one page for each of the hundred


async def test_a_statement_that_breaks_a_rule_undoes_its_body(engine: SqliteEngine) -> None:
    with pytest.raises(StoreError, match="ConstraintError"):
        await engine.commit(inserting(1, 1))
    assert await numbers(engine) == []


async def test_a_statement_that_breaks_a_rule_spares_its_neighbours(engine: SqliteEngine) -> None:
    bodies = [inserting(1), inserting(2, 1), inserting(3)]
    results = await asyncio.gather(*(engine.commit(body) for body in bodies), return_exceptions=True)
    assert [type(result) for result in results] == [int, StoreError, int]
    assert await numbers(engine) == [1, 3]


async def test_a_caller_who_is_cancelled_does_not_undo_the_body(engine: SqliteEngine) -> None:
    cancelled = asyncio.ensure_future(engine.commit(inserting(1)))
    await asyncio.sleep(0)
    cancelled.cancel()
    await engine.commit(inserting(2))
    assert await numbers(engine) == [1, 2]


async def test_reads_see_the_last_commit_and_never_half_of_one(engine: SqliteEngine) -> None:
    seen: list[list[int]] = []

    async def look() -> None:
        for _ in range(20):
            seen.append(await numbers(engine))
            await asyncio.sleep(0)

    await asyncio.gather(engine.commit(inserting(1, 2, 3)), look())
    assert all(each in ([], [1, 2, 3]) for each in seen)


async def test_reading_never_writes(engine: SqliteEngine) -> None:
    with pytest.raises(StoreError):
        await engine.read(INSERT(number=1))
    assert await numbers(engine) == []


async def test_a_unit_writes_all_of_its_bodies_or_none(engine: SqliteEngine) -> None:
    unit = Unit(engine)
    unit.add(inserting(1))  # type: ignore[arg-type]  # what a body returns is of no use to a unit
    unit.add(inserting(2, then=LookupError()))  # type: ignore[arg-type]  # as above
    with pytest.raises(LookupError):
        await unit.commit()
    assert await numbers(engine) == []


async def test_a_unit_commits_once(engine: SqliteEngine) -> None:
    unit = Unit(engine)
    unit.add(inserting(1))  # type: ignore[arg-type]  # as above
    await unit.commit()
    await unit.commit()
    assert await numbers(engine) == [1]


async def test_an_empty_unit_needs_no_database(engine: SqliteEngine) -> None:
    await engine.close()
    await Unit(engine).commit()


async def test_a_closed_engine_takes_no_more_work(engine: SqliteEngine) -> None:
    await engine.close()
    with pytest.raises(StoreError, match="closed"):
        await engine.commit(inserting(1))
    with pytest.raises(StoreError):
        await numbers(engine)


async def test_closing_carries_out_what_is_queued(engine: SqliteEngine) -> None:
    queued = [asyncio.ensure_future(engine.commit(inserting(number))) for number in range(20)]
    await asyncio.sleep(0)
    await engine.close()
    assert await asyncio.gather(*queued) == [1] * 20
    with closing(apsw.Connection(str(engine.path))) as later:
        assert later.execute("SELECT COUNT(*) FROM numbers").fetchall() == [(20,)]


async def test_closing_twice_is_closing(engine: SqliteEngine) -> None:
    await engine.close()
    await engine.close()


async def test_a_database_that_another_connection_holds_is_told_as_locked(engine: SqliteEngine) -> None:
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
    bodies = [inserting(1), alone(large(number=2)), inserting(3)]
    results = await asyncio.gather(*(engine.commit(body) for body in bodies), return_exceptions=True)
    assert all(isinstance(result, StoreError) for result in results)
    assert await numbers(engine) == []


async def test_after_a_full_disk_has_room_again_work_goes_on(engine: SqliteEngine) -> None:
    await sql(engine, "PRAGMA max_page_count = 1")
    with pytest.raises(StoreError, match="FullError"):
        await sql(engine, "INSERT INTO numbers VALUES (1, hex(zeroblob(100000)))")
    await sql(engine, "PRAGMA max_page_count = 100000")
    assert await engine.commit(inserting(2)) == 1


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("synchronous", 2), ("journal_mode", "wal"), ("foreign_keys", 1), ("secure_delete", 1)],
)
async def test_the_writer_is_durable_and_overwrites_what_it_deletes(
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


def test_a_folder_that_is_not_there_is_told_with_its_path_in_the_hint(tmp_path: Path) -> None:
    with pytest.raises((StoreError, OSError)):
        SqliteEngine(tmp_path / "nowhere" / "vault.db")


def test_a_file_that_is_no_database_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "vault.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="not a database") as caught:
        SqliteEngine(tmp_path / "vault.db")
    assert "vault.db" in caught.value.hint


def test_an_error_never_quotes_a_value(tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "test.db")

    async def fail() -> None:
        try:
            await engine.read(Query("bad", "SELECT * FROM nowhere WHERE a = :a")(a="secret"))
        finally:
            await engine.close()

    with pytest.raises(StoreError) as caught:
        asyncio.run(fail())
    assert "secret" not in f"{caught.value} {caught.value.hint}"
