"""What every engine promises, whichever database it is."""

from __future__ import annotations

import asyncio
import traceback
from functools import partial
from itertools import pairwise

import pytest

from tests.server.database.bodies import INSERT, NUMBERS, TABLE, inserting, numbers
from tests.support.builders import sql
from tests.support.databases import ALL, KINDS, STANDARD_LIBRARY
from tests.support.engines import Interrupted
from tokenvault_server.bootstrap import open_engine
from tokenvault_server.database.engine import Engine, Rows, Unit, Work, in_batches, single_statement
from tokenvault_server.database.queries import Query
from tokenvault_server.errors import SchemaMissingError, StoreError
from tokenvault_server.settings import Settings

DELETE = Query(
    "delete",
    "DELETE FROM numbers WHERE number IN (SELECT number FROM numbers ORDER BY number LIMIT :limit) RETURNING number",
)


@pytest.fixture(params=[*ALL, STANDARD_LIBRARY])
def store_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
async def engine(engine: Engine) -> Engine:
    await sql(engine, TABLE)
    return engine


async def test_a_committed_body_is_read_back_and_returns_its_result(engine: Engine) -> None:
    assert await engine.commit(inserting(1, 2)) == 2
    assert await numbers(engine) == [1, 2]


async def test_a_body_is_sent_the_rows_of_what_it_yields(engine: Engine) -> None:
    def body() -> Work[Rows]:
        yield INSERT(number=7)
        return (yield NUMBERS())

    assert await engine.commit(body) == [(7,)]


async def test_a_body_that_raises_after_writing_leaves_nothing(engine: Engine) -> None:
    with pytest.raises(LookupError):
        await engine.commit(inserting(1, 2, then=LookupError()))
    assert await numbers(engine) == []


async def test_a_sweep_goes_on_in_further_transactions_until_it_finds_nothing(engine: Engine) -> None:
    await engine.commit(inserting(*range(450)))
    counting = Interrupted(engine)

    def sweep(limit: int) -> Work[int]:
        return len((yield DELETE(limit=limit)))

    await in_batches(counting, sweep)
    assert (counting.commits, await numbers(engine)) == (4, [])


async def test_a_body_that_raises_before_it_begins_raises_at_its_caller(engine: Engine) -> None:
    def body() -> Work[None]:
        raise LookupError

    with pytest.raises(LookupError):
        await engine.commit(body)


async def test_a_failing_body_undoes_itself_alone_among_its_neighbours(engine: Engine) -> None:
    bodies = [inserting(1), inserting(2, then=LookupError()), inserting(3)]
    results = await asyncio.gather(*(engine.commit(body) for body in bodies), return_exceptions=True)
    assert [type(result) for result in results] == [int, LookupError, int]
    assert await numbers(engine) == [1, 3]


async def test_a_thousand_commits_at_once_are_all_done(engine: Engine) -> None:
    await asyncio.gather(*(engine.commit(inserting(number)) for number in range(1000)))
    assert await numbers(engine) == list(range(1000))


async def test_a_statement_that_breaks_a_rule_spares_its_neighbours(engine: Engine) -> None:
    bodies = [inserting(1), inserting(2, 2), inserting(3)]
    results = await asyncio.gather(*(engine.commit(body) for body in bodies), return_exceptions=True)
    assert [type(result) for result in results] == [int, StoreError, int]
    assert await numbers(engine) == [1, 3]


async def test_a_cancelled_caller_does_not_undo_the_body(engine: Engine) -> None:
    cancelled = asyncio.ensure_future(engine.commit(inserting(1)))
    await asyncio.sleep(0)
    cancelled.cancel()
    await engine.commit(inserting(2))
    assert await numbers(engine) == [1, 2]


async def test_reads_see_the_last_commit_and_never_half_of_one(engine: Engine) -> None:
    seen: list[list[int]] = []

    async def look() -> None:
        for _ in range(20):
            seen.append(await numbers(engine))
            await asyncio.sleep(0)

    await asyncio.gather(engine.commit(inserting(1, 2, 3)), look())
    assert all(each in ([], [1, 2, 3]) for each in seen)


async def test_reading_never_writes(engine: Engine) -> None:
    with pytest.raises(StoreError):
        await engine.read(INSERT(number=1))
    assert await numbers(engine) == []


async def test_a_unit_writes_all_of_its_bodies_or_none(engine: Engine) -> None:
    unit = Unit(engine)
    unit.add(inserting(1))  # type: ignore[arg-type]  # what a body returns is of no use to a unit
    unit.add(inserting(2, then=LookupError()))  # type: ignore[arg-type]  # as above
    with pytest.raises(LookupError):
        await unit.commit()
    assert await numbers(engine) == []


async def test_a_unit_commits_once(engine: Engine) -> None:
    unit = Unit(engine)
    unit.add(inserting(1))  # type: ignore[arg-type]  # as above
    await unit.commit()
    await unit.commit()
    assert await numbers(engine) == [1]


async def test_an_empty_unit_needs_no_database(engine: Engine) -> None:
    await engine.close()
    await Unit(engine).commit()


async def test_a_closed_engine_takes_no_more_work(engine: Engine) -> None:
    await engine.close()
    with pytest.raises(StoreError, match="closed"):
        await engine.commit(inserting(1))
    with pytest.raises(StoreError):
        await numbers(engine)


async def test_closing_twice_is_closing(engine: Engine) -> None:
    await engine.close()
    await engine.close()


async def test_an_error_never_quotes_a_value(engine: Engine) -> None:
    hidden = Query("hidden", "INSERT INTO numbers VALUES (:number, :hidden)")

    def body() -> Work[None]:
        yield hidden(number=4_000_001, hidden="hush")
        yield hidden(number=4_000_001, hidden="hush")

    with pytest.raises(StoreError) as caught:
        await engine.commit(body)
    message = "".join(traceback.format_exception(caught.value))
    assert "hush" not in message
    assert "4000001" not in message


async def test_a_statement_that_breaks_a_rule_undoes_its_body(engine: Engine) -> None:
    with pytest.raises(StoreError):
        await engine.commit(inserting(1, 1))
    assert await numbers(engine) == []


async def test_a_missing_table_is_an_error_that_says_so(engine: Engine) -> None:
    with pytest.raises(SchemaMissingError):
        await engine.read(Query("nowhere", "SELECT a FROM nowhere")())


async def test_closing_carries_out_queued_bodies(engine: Engine, empty_store: str) -> None:
    queued = [asyncio.ensure_future(engine.commit(inserting(number))) for number in range(20)]
    await asyncio.sleep(0)
    await engine.close()
    assert await asyncio.gather(*queued) == [1] * 20
    later = await open_engine(empty_store, new=False, password=None, settings=Settings(), kinds=KINDS)
    assert await numbers(later) == list(range(20))
    await later.close()


async def test_a_counter_gives_no_number_twice(engine: Engine) -> None:
    await sql(engine, "INSERT INTO numbers VALUES (0, 'counter')")
    count = Query("count", "UPDATE numbers SET number = number + 1 WHERE text = 'counter' RETURNING number")
    taken = await asyncio.gather(*(engine.commit(single_statement(count())) for _ in range(100)))
    assert sorted(rows[0][0] for rows in taken) == list(range(1, 101))


async def test_a_chain_that_is_taken_by_an_upsert_has_no_gap_and_no_fork(engine: Engine) -> None:
    await sql(engine, "CREATE TABLE heads (chain TEXT PRIMARY KEY, sequence BIGINT NOT NULL, text TEXT NOT NULL)")
    take = Query(
        "take",
        "INSERT INTO heads VALUES (:chain, 1, '') ON CONFLICT (chain) DO UPDATE SET sequence = heads.sequence + 1 "
        "RETURNING sequence, text",
    )
    move = Query("move", "UPDATE heads SET text = :text WHERE chain = :chain")

    def append(number: int) -> Work[tuple[int, str]]:
        ((sequence, before),) = yield take(chain="one")
        yield move(chain="one", text=f"{before} {number}")
        return sequence, before

    links = await asyncio.gather(*(engine.commit(partial(append, number)) for number in range(50)))
    links.sort()
    assert [sequence for sequence, _ in links] == list(range(1, 51))
    assert all(after.startswith(before) for (_, before), (_, after) in pairwise(links))


async def test_of_many_claims_of_one_key_at_once_one_succeeds(engine: Engine) -> None:
    claim = Query(
        "claim",
        "INSERT INTO numbers VALUES (1, :who) ON CONFLICT (number) DO UPDATE SET text = excluded.text "
        "WHERE numbers.text = 'expired' RETURNING text",
    )
    claims = await asyncio.gather(*(engine.commit(single_statement(claim(who=str(who)))) for who in range(50)))
    assert sum(map(len, claims)) == 1


async def test_bytes_large_numbers_and_nothing_come_back_as_they_were_written(engine: Engine) -> None:
    await sql(engine, "CREATE TABLE things (a BYTEA, b BIGINT, c TEXT, d INTEGER)")
    await sql(
        engine,
        "INSERT INTO things VALUES (:a, :b, :c, :d)",
        a=bytes(range(256)),
        b=2**62,
        c="\u0939 \U0001f512",
        d=None,
    )
    assert await sql(engine, "SELECT a, b, c, d FROM things") == [(bytes(range(256)), 2**62, "\u0939 \U0001f512", None)]
