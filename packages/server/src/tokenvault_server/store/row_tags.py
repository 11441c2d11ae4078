"""Tags of protected rows. They are not stored in the rows, so that an older row that is put back has the wrong tag."""

from __future__ import annotations

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.protected_row import RowId, RowKind

SQL = queries.load("tokenvault_server.store", "row_tags.sql")


def put(identity: RowId, tag: bytes) -> Statement:
    """Store the tag of a row that this transaction adds or changes."""
    return SQL["put_tag"](merchant_id=identity.chain, kind=identity.kind, row_id=identity.row_id, tag=tag)


def remove(identity: RowId) -> Statement:
    """Remove the tag of a row that this transaction deletes."""
    return SQL["remove_tag"](merchant_id=identity.chain, kind=identity.kind, row_id=identity.row_id)


async def read(engine: Engine, identity: RowId) -> bytes | None:
    """Return the tag of one row, or None."""
    rows = await engine.read(SQL["read_tag"](merchant_id=identity.chain, kind=identity.kind, row_id=identity.row_id))
    return rows[0][0] if rows else None


async def page_of(engine: Engine, chain: str, kind: RowKind, after: str, limit: int) -> list[tuple[str, bytes]]:
    """Return the ids and tags of up to `limit` rows of a chain and kind, by id, after an id."""
    return [
        (row_id, tag)
        for row_id, tag in await engine.read(SQL["list_tags"](merchant_id=chain, kind=kind, after=after, limit=limit))
    ]


async def chains(engine: Engine, first: str, limit: int) -> list[str]:
    """Return up to `limit` chains that have tags, beginning with `first`."""
    return [chain for (chain,) in await engine.read(SQL["list_tag_owners"](first=first, limit=limit))]
