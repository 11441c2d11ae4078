"""The audit chains, their heads and the checkpoints over them, as rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.queries import Statement

SQL = queries.load("tokenvault_server.store", "audit.sql")
PAGE = 1_000
CHECKPOINT_PAGE = 20
"""Smaller than other pages: where many merchants are active, each checkpoint holds many heads."""


class Link(NamedTuple):
    """One entry of a chain with its position and its hash."""

    sequence: int
    entry: bytes
    hash: bytes


class Head(NamedTuple):
    """The last position of a chain and its hash."""

    chain: str
    sequence: int
    hash: bytes


class Checkpoint(NamedTuple):
    """A signed statement of the heads of chains."""

    number: int
    body: bytes
    hash: bytes
    key_id: int
    signature: bytes


def next_sequence(chain: str, genesis: bytes) -> Work[tuple[int, bytes]]:
    """Take the next position of a chain; return it and the hash of the entry before it.

    The chain stays locked until the transaction ends.
    """
    sequence, previous = (yield SQL["next_sequence"](merchant_id=chain, genesis=genesis))[0]
    return sequence, previous


def lock_head(chain: str) -> Statement:
    """Lock a chain until the transaction ends."""
    return SQL["lock_head"](merchant_id=chain)


def insert_entry(chain: str, link: Link) -> Work[None]:
    """Insert an entry at the position that was taken, and move the head there."""
    yield SQL["insert_entry"](merchant_id=chain, sequence=link.sequence, entry=link.entry, hash=link.hash)
    yield SQL["move_head"](merchant_id=chain, hash=link.hash)


async def chains(engine: Engine, page_size: int = PAGE) -> list[str]:
    """Return every chain that has a head or an entry."""
    listed = [chain for name in ("list_heads", "list_chains") async for chain in _list(engine, name, page_size)]
    return list(dict.fromkeys(listed))


async def _list(engine: Engine, name: str, page_size: int) -> AsyncIterator[str]:
    """Yield the chains that a statement lists, page by page. Each page begins with the last chain of the one before."""
    first = ""
    while True:
        page = await engine.read(SQL[name](first=first, limit=page_size))
        for (chain,) in page:
            yield chain
        if len(page) < page_size:
            break
        first = page[-1][0]


async def heads(engine: Engine, page_size: int = PAGE) -> AsyncIterator[list[Head]]:
    """Yield the head of every chain once, in pages."""
    first, seen = "", False
    while True:
        page = [Head(*row) for row in await engine.read(SQL["read_heads"](first=first, limit=page_size))]
        # Each page but the first begins with the last head of the one before.
        yield page[1:] if seen and page and page[0].chain == first else page
        if len(page) < page_size:
            break
        first, seen = page[-1].chain, True


async def head(engine: Engine, chain: str) -> Head | None:
    """Return a chain's head, or None."""
    rows = await engine.read(SQL["read_head"](merchant_id=chain))
    return Head(*rows[0]) if rows else None


async def entries(engine: Engine, chain: str, after: int = 0, page_size: int = PAGE) -> AsyncIterator[Link]:
    """Yield the entries of a chain after a position, in order, page by page."""
    while page := await engine.read(SQL["read_chain"](merchant_id=chain, after=after, limit=page_size)):
        for row in page:
            yield Link(*row)
        after = page[-1][0]


async def hash_at(engine: Engine, chain: str, sequence: int) -> bytes | None:
    """Return the hash at one position of a chain, or None when the chain has no such position."""
    rows = await engine.read(SQL["read_hash"](merchant_id=chain, sequence=sequence))
    return rows[0][0] if rows else None


def last_checkpoint() -> Work[Checkpoint | None]:
    """Return the newest checkpoint or None, inside a transaction."""
    rows = yield SQL["last_checkpoint"]()
    return Checkpoint(*rows[0]) if rows else None


async def newest_checkpoint(engine: Engine) -> Checkpoint | None:
    """Return the newest checkpoint, or None."""
    rows = await engine.read(SQL["last_checkpoint"]())
    return Checkpoint(*rows[0]) if rows else None


async def earlier_checkpoints(engine: Engine, last: int) -> AsyncIterator[Checkpoint]:
    """Yield the checkpoints from a number back to the first, newest first, one at a time: a body may be large."""
    before = last + 1
    while rows := await engine.read(SQL["earlier_checkpoint"](before=before)):
        yield Checkpoint(*rows[0])
        before = rows[0][0]


async def checkpoint_hash(engine: Engine, number: int) -> bytes | None:
    """Return the hash of a checkpoint, or None when it does not exist."""
    rows = await engine.read(SQL["checkpoint_hash"](number=number))
    return rows[0][0] if rows else None


def insert_checkpoint(checkpoint: Checkpoint) -> Work[bool]:
    """Insert a checkpoint; return False when another process has just inserted one with this number."""
    return bool((yield SQL["insert_checkpoint"](**checkpoint._asdict())))


async def checkpoints(engine: Engine, page_size: int = CHECKPOINT_PAGE, *, after: int = 0) -> AsyncIterator[Checkpoint]:
    """Yield all checkpoints after a number in order, page by page."""
    while page := await engine.read(SQL["read_checkpoints"](after=after, limit=page_size)):
        for row in page:
            yield Checkpoint(*row)
        after = page[-1][0]
