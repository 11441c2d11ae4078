"""PostgreSQL alone: connections that break, servers that go away, transactions that meet, and nothing in a session."""

from __future__ import annotations

import asyncio
import re
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from msgspec.structs import replace

from tests.server.database.bodies import INSERT, NUMBERS, TABLE, inserting, numbers
from tests.support.builders import a_cryptogram, a_deleted_card, a_merchant, a_saved_card, sql
from tests.support.clock import SettableClock
from tests.support.databases import POSTGRESQL, TestServer, started
from tests.support.postgres import Postgres
from tests.support.served_process import free_port
from tokenvault_server.bootstrap import open_vault
from tokenvault_server.database.engine import Rows, Work, single_statement
from tokenvault_server.database.kind import EngineOptions
from tokenvault_server.database.postgres.engine import PostgresEngine
from tokenvault_server.database.postgres.errors import check_server
from tokenvault_server.database.queries import Query
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import StoreError, StoreUnavailableError
from tokenvault_server.settings import Settings

KILL_OTHERS = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
DIE = Query("die", "SELECT pg_terminate_backend(pg_backend_pid())")
SLEEP = Query("sleep", "SELECT pg_sleep(30)")
SLEEPING = Query(
    "sleeping", "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
)
PATIENCE = 100_000
OF_THE_SESSION = """
    SELECT 'setting', name FROM pg_settings WHERE source = 'session'
    UNION ALL SELECT 'advisory lock', objid::text FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()
    UNION ALL SELECT 'channel', channel FROM pg_listening_channels() AS channel
    UNION ALL SELECT 'table', relname FROM pg_class WHERE relpersistence = 't'
    UNION ALL SELECT 'cursor', name FROM pg_cursors WHERE is_holdable
"""


@pytest.fixture
def store_kind() -> str:
    return POSTGRESQL


@pytest.fixture
async def engine(empty_store: str) -> AsyncIterator[PostgresEngine]:
    opened = await an_engine(empty_store)
    await sql(opened, TABLE)
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def own_server() -> Iterator[TestServer]:
    """A server that a test may stop and start again."""
    server = started(POSTGRESQL)
    yield server
    server.remove()


async def an_engine(url: str, **options: float) -> PostgresEngine:
    engine = PostgresEngine(url, options=EngineOptions(**options))  # type: ignore[arg-type]  # the names are their fields
    await engine.open()
    return engine


async def test_two_transactions_that_lock_rows_in_opposite_order_both_commit(engine: PostgresEngine) -> None:
    await engine.commit(inserting(1, 2))
    count = Query("count", "UPDATE numbers SET text = COALESCE(text, '') || 'x' WHERE number = :number")

    def both(first: int, second: int) -> Callable[[], Work[None]]:
        def body() -> Work[None]:
            yield count(number=first)
            yield Query("wait", "SELECT pg_sleep(0.2)")()
            yield count(number=second)

        return body

    await asyncio.gather(engine.commit(both(1, 2)), engine.commit(both(2, 1)))
    assert await sql(engine, "SELECT text FROM numbers") == [("xx",), ("xx",)]


async def test_connections_that_the_server_closed_are_replaced_without_a_word(engine: PostgresEngine) -> None:
    await asyncio.gather(*(engine.commit(inserting(number)) for number in range(10)))
    await sql(engine, KILL_OTHERS)
    results = await asyncio.gather(*(engine.commit(inserting(number)) for number in range(10, 30)))
    assert results == [1] * 20
    assert await numbers(engine) == list(range(30))


async def test_a_body_whose_connection_breaks_before_the_commit_runs_again(engine: PostgresEngine) -> None:
    runs = []

    def body() -> Work[Rows]:
        runs.append(1)
        yield INSERT(number=7)
        if len(runs) == 1:
            yield DIE()
        return (yield NUMBERS())

    assert await engine.commit(body) == [(7,)]
    assert len(runs) == 2


async def test_a_process_that_freezes_in_a_transaction_loses_it_and_its_locks(empty_store: str) -> None:
    engine = await an_engine(empty_store, timeout_seconds=0.1)
    await sql(engine, TABLE)
    runs = []

    def body() -> Work[Rows]:
        runs.append(1)
        yield INSERT(number=7)
        if len(runs) == 1:
            time.sleep(0.5)
        return (yield NUMBERS())

    assert await engine.commit(body) == [(7,)]
    assert len(runs) == 2
    await engine.close()


async def test_a_commit_whose_connection_breaks_is_not_repeated_and_not_called_done(engine: PostgresEngine) -> None:
    await sql(
        engine,
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'",
    )
    await sql(
        engine,
        "CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON numbers DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION die()",
    )
    runs = []

    def body() -> Work[None]:
        runs.append(1)
        yield INSERT(number=7)

    with pytest.raises(StoreUnavailableError, match="during a commit"):
        await engine.commit(body)
    assert len(runs) == 1


async def test_never_more_connections_are_open_than_allowed(empty_store: str) -> None:
    engine = await an_engine(empty_store, connections=3)
    await sql(engine, TABLE)
    await asyncio.gather(*(engine.commit(inserting(number)) for number in range(100)))
    mine = "datname = current_database() AND application_name = 'tokenvault'"
    ((count,),) = await engine.read(Query("mine", f"SELECT count(*) FROM pg_stat_activity WHERE {mine}")())
    assert 1 < count <= 3
    await engine.close()


async def test_waiting_too_long_for_a_connection_is_an_error_with_its_reason(empty_store: str) -> None:
    engine = await an_engine(empty_store, connections=1, timeout_seconds=0.1)
    busy = asyncio.ensure_future(engine.commit_exclusive(single_statement(Query("sleep", "SELECT pg_sleep(0.5)")())))
    for _ in range(5):
        await asyncio.sleep(0)  # until it has the connection
    with pytest.raises(StoreUnavailableError, match="all 1 connections"):
        await engine.read(Query("one", "SELECT 1")())
    await busy  # what changes a schema has all the time it needs
    assert await engine.read(Query("one", "SELECT 1")()) == [(1,)]
    await engine.close()


async def test_a_statement_that_takes_too_long_is_an_error(empty_store: str) -> None:
    engine = await an_engine(empty_store, timeout_seconds=0.1)
    for work in (engine.read(SLEEP()), engine.commit(single_statement(SLEEP()))):
        with pytest.raises(StoreUnavailableError, match="took too long"):
            await work
    await engine.close()


async def test_a_read_that_timed_out_ends_on_the_server_too(empty_store: str) -> None:
    engine = await an_engine(empty_store, timeout_seconds=0.1)
    with pytest.raises(StoreUnavailableError, match="took too long"):
        await engine.read(SLEEP())
    await until_nothing_sleeps(engine)
    await engine.close()


async def until_nothing_sleeps(engine: PostgresEngine) -> None:
    """Returns as soon as no session carries out `SLEEP`, long before one would by itself."""
    async with asyncio.timeout(10):
        while await engine.read(SLEEPING()):
            pass


async def test_a_cancelled_read_leaves_no_answer_to_the_next(empty_store: str) -> None:
    engine = await an_engine(empty_store, connections=1)
    cancelled = asyncio.ensure_future(engine.read(SLEEP()))
    for _ in range(3):
        await asyncio.sleep(0)
    cancelled.cancel()
    assert await engine.read(Query("one", "SELECT 1")()) == [(1,)]
    await engine.close()


async def test_a_short_outage_is_waited_out(own_server: TestServer) -> None:
    with own_server.database() as url:
        engine = await an_engine(url)
        await sql(engine, TABLE)
        await asyncio.to_thread(own_server.stop)
        waiting = [asyncio.ensure_future(engine.commit(inserting(number))) for number in range(40)]
        await asyncio.to_thread(own_server.start)
        assert await asyncio.gather(*waiting) == [1] * 40
        assert await numbers(engine) == list(range(40))
        await engine.close()


async def test_acknowledged_commits_survive_the_servers_death(own_server: TestServer) -> None:
    with own_server.database() as url:
        engine = await an_engine(url, timeout_seconds=10)
        await sql(engine, TABLE)
        acknowledged = []
        enough = asyncio.Event()

        async def insert(first: int) -> None:
            for number in range(first, first + 100):
                try:
                    await engine.commit(inserting(number))
                except StoreUnavailableError:
                    continue  # its fate is unknown
                acknowledged.append(number)
                if len(acknowledged) == 200:
                    enough.set()

        work = [asyncio.ensure_future(insert(1000 * number)) for number in range(16)]
        await enough.wait()
        await asyncio.to_thread(own_server.stop)
        await asyncio.to_thread(own_server.start)
        await asyncio.gather(*work)
        assert set(acknowledged) <= set(await numbers(engine))
        assert len(acknowledged) > 1_000
        await engine.close()


async def test_calls_fail_at_once_in_a_long_outage_and_recover_after_it(own_server: TestServer) -> None:
    with own_server.database() as url:
        engine = await an_engine(url, timeout_seconds=0.2)
        await asyncio.to_thread(own_server.stop)
        with pytest.raises(StoreUnavailableError, match="cannot be reached"):
            await engine.read(Query("one", "SELECT 1")())
        message = await asyncio.gather(
            *(engine.read(Query("one", "SELECT 1")()) for _ in range(1_000)), return_exceptions=True
        )
        assert {type(each) for each in message} == {StoreUnavailableError}
        await asyncio.to_thread(own_server.start)
        for _ in range(PATIENCE):
            if not await is_away(engine):
                break
            await asyncio.to_thread(own_server.sql, "SELECT 1")
        else:
            pytest.fail("the engine never came back")
        await engine.close()


async def is_away(engine: PostgresEngine) -> bool:
    try:
        await engine.read(Query("one", "SELECT 1")())
    except StoreUnavailableError:
        return True
    return False


async def test_a_missing_server_is_an_error_without_its_address() -> None:
    port = free_port()
    engine = PostgresEngine(f"postgresql://vault@127.0.0.1:{port}/vault", Secret("hush"))
    with pytest.raises(StoreUnavailableError, match="cannot be reached") as caught:
        await engine.open()
    message = "".join(traceback.format_exception(caught.value))
    assert str(port) not in message
    assert "hush" not in message


async def test_a_wrong_password_is_an_error_that_never_shows_it(own_server: TestServer) -> None:
    own_server.require_password_of("locked", "right")
    url = own_server.url(user="locked")
    right = PostgresEngine(url, Secret("right"))
    await right.open()
    await right.close()
    wrong = PostgresEngine(url, Secret("hush-hush"))
    with pytest.raises(StoreError, match="refuses to sign us in") as caught:
        await wrong.open()
    assert "hush" not in "".join(traceback.format_exception(caught.value)) + repr(vars(wrong))


async def test_a_missing_database_is_an_error_that_says_so(own_server: TestServer) -> None:
    with pytest.raises(StoreError, match="no such database"):
        await PostgresEngine(own_server.url("nowhere")).open()


async def test_a_database_that_was_set_to_read_only_says_so(empty_store: str) -> None:
    writer = await an_engine(empty_store)
    await sql(writer, TABLE)
    name = empty_store.rpartition("/")[2].partition("?")[0]
    await sql(writer, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await writer.close()
    engine = await an_engine(empty_store)
    with pytest.raises(StoreUnavailableError, match="read-only"):
        await engine.commit(inserting(1))
    assert await numbers(engine) == []
    await engine.close()


async def test_a_standby_is_refused_and_its_primary_is_used(own_server: TestServer) -> None:
    standby = Postgres(port=free_port(), hot_standby="on")
    try:
        await asyncio.to_thread(standby.copy, own_server)
        await asyncio.to_thread(standby.start)
        with pytest.raises(StoreUnavailableError, match="read-only"):
            await PostgresEngine(standby.url()).open()
        engine = await an_engine(f"postgresql://postgres@127.0.0.1:{standby.port},127.0.0.1:{own_server.port}/postgres")
        assert await engine.read(Query("which", "SELECT pg_is_in_recovery()")()) == [(False,)]
        await engine.close()
    finally:
        await asyncio.to_thread(standby.remove)


@pytest.mark.parametrize(
    ("server", "words"),
    [
        ((14, False, "on", "UTF8"), "PostgreSQL 14 is too old: 15"),
        ((9, False, "on", "UTF8"), "PostgreSQL 9 is too old"),
        ((18, True, "on", "UTF8"), "read-only"),
        ((18, False, "off", "UTF8"), "before its writes are durable"),
        ((18, False, "on", "SQL_ASCII"), "UTF8"),
    ],
    ids=["14", "9", "standby", "careless", "other encoding"],
)
def test_a_server_that_cannot_be_trusted_with_a_vault_is_refused(
    server: tuple[int, bool, str, str], words: str
) -> None:
    with pytest.raises(StoreError, match=words):
        check_server(*server)


@pytest.mark.parametrize("synchronous_commit", ["on", "remote_apply", "remote_write", "local"])
def test_fifteen_is_new_enough(synchronous_commit: str) -> None:
    check_server(15, False, synchronous_commit, "UTF8")


async def test_prepared_statements_have_names_unique_across_processes(engine: PostgresEngine) -> None:
    await sql(engine, "DELETE FROM numbers")
    names = [name for (name,) in await engine.read(Query("names", "SELECT name FROM pg_prepared_statements")())]
    assert names
    assert all(re.fullmatch(r"\w+_[0-9a-f]{32}", name) for name in names), "a pooler may mix up the sessions of several"


async def test_a_session_that_a_pooler_swapped_is_an_error_that_says_so(engine: PostgresEngine) -> None:
    one = Query("one", "SELECT 1")
    await engine.read(one())
    await sql(engine, "DEALLOCATE ALL")
    with pytest.raises(StoreError, match="not there any more") as message:
        await engine.read(one())
    assert "prepared_statements = false" in message.value.hint


@pytest.mark.parametrize("prepared", [True, False], ids=["prepared", "not prepared"])
async def test_the_life_of_a_card_leaves_nothing_in_any_session(
    settings: Settings, clock: SettableClock, prepared: bool
) -> None:
    vault = await open_vault(replace(settings, prepared_statements=prepared), clock, initialise=True)
    caller = await a_merchant(vault)
    cards = await asyncio.gather(*(a_saved_card(vault, caller) for _ in range(12)))
    await asyncio.gather(*(a_cryptogram(vault, caller, card) for card in cards))
    await asyncio.gather(*(a_deleted_card(vault, caller, card) for card in cards))
    await vault.outbox_tasks.run_due()
    await vault.audit.checkpoint()
    await vault.daily_keys.rotate()
    for engine in (vault.engine, vault.tsp_engine):
        texts = [OF_THE_SESSION] if prepared else [OF_THE_SESSION, "SELECT name FROM pg_prepared_statements"]
        for text in texts:  # at once, so that every connection is asked
            left = await asyncio.gather(*(engine.read(Query("left", text)()) for _ in range(16)))
            assert [each for each in left if each] == []
    await vault.close()
