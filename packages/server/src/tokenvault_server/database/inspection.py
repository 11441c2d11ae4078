"""Walks through a table of sealed records, page by page, and opens a sample of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Final

from tokenvault_server.database.engine import Engine, Row
from tokenvault_server.database.queries import Query, Value
from tokenvault_server.domain.inspection import Inspection, Notify
from tokenvault_server.domain.sampling import Candidate, Sample
from tokenvault_server.errors import StoreError, VaultError

PAGE: Final = 1_000

OpenRecord = Callable[[Candidate], Awaitable[None]]
"""Opens a record, or returns if the row is gone meanwhile."""


async def inspect_records(
    engine: Engine, name: str, scan: Query, open_record: OpenRecord, size: int, notify: Notify
) -> Inspection:
    """Open a sample of the records of one table.

    Args:
        engine: the table's database.
        name: the table, for the result.
        scan: returns a page of owner, part, record id, time and the first six bytes of the record, in the order of the
            table's primary key, of the rows after `:owner`, `:part` and `:record_id`.
        open_record: opens one record.
        size: how many of the newest records of every key are opened, and how many random ones.
        notify: is told the progress.
    """
    inspection, sample = Inspection(name), Sample(size)
    owner, seen = "", 0
    async for row in _rows(engine, scan):
        if row[0] != owner:
            # A merchant's keys seal its own rows only, so that the sample of one merchant is complete here.
            await _open(sample, open_record, inspection)
            owner = row[0]
        sample.add(row[4], _candidate(row))
        seen += 1
        if seen % PAGE == 0:
            notify(name, seen)
    await _open(sample, open_record, inspection)
    notify(name, seen)
    return inspection


async def check(inspection: Inspection, row_id: str, act: Callable[[], Awaitable[object]]) -> None:
    """Count an act on one row, and add its failure as a problem.

    Raises:
        StoreError: the database does not answer, which says nothing of the row.
    """
    inspection.checked += 1
    try:
        await act()
    except StoreError:
        raise
    except VaultError as error:
        inspection.add(row_id, error.hint or error.message)
    except Exception as error:  # noqa: BLE001  # SQLite stores values of any type: whatever fails is a problem of the row
        inspection.add(row_id, f"cannot be read ({type(error).__name__})")


async def _open(sample: Sample, open_record: OpenRecord, inspection: Inspection) -> None:
    for candidate in sample.take():
        row_id = "/".join(str(part) for part in (candidate.owner, candidate.record_id) if part)
        await check(inspection, row_id, partial(open_record, candidate))


async def _rows(engine: Engine, scan: Query) -> AsyncIterator[Row]:
    position: dict[str, Value] = {"owner": "", "part": "", "record_id": ""}
    while True:
        given = {name: value for name, value in {**position, "limit": PAGE}.items() if name in scan.parameters}
        page = await engine.read(scan(**given))
        for row in page:
            yield row
        if len(page) < PAGE:
            break
        position = dict(zip(position, page[-1][:3], strict=True))
        await asyncio.sleep(0)


def _candidate(row: Row) -> Candidate:
    owner, part, record_id, at, _ = row
    return Candidate(at if isinstance(at, int) else 0, owner, part, record_id)
