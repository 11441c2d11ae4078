"""The audit chains, their heads and the checkpoints over them, as rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Work

SQL = queries.load("tokenvault_server.store", "audit.sql")
_PAGE = 1_000
_CHECKPOINTS = 20
"""A page of them: where many merchants are active, each tells of many heads."""


class Link(NamedTuple):
    """One place of a chain."""

    sequence: int
    entry: bytes
    hash: bytes


class Head(NamedTuple):
    """Where a chain ends."""

    chain: str
    sequence: int
    hash: bytes


class Checkpoint(NamedTuple):
    """A signed statement of where chains stood."""

    number: int
    body: bytes
    hash: bytes
    key_id: int
    signature: bytes


def next_sequence(chain: str, genesis: bytes) -> Work[tuple[int, bytes]]:
    """Take a chain's next place; give its number and the hash of the entry before it."""
    sequence, previous = (yield SQL["next_sequence"](merchant_id=chain, genesis=genesis))[0]
    return sequence, previous


def insert_entry(chain: str, link: Link) -> Work[None]:
    """Write an entry at the place that was taken and move the head there."""
    yield SQL["insert_entry"](merchant_id=chain, sequence=link.sequence, entry=link.entry, hash=link.hash)
    yield SQL["move_head"](merchant_id=chain, hash=link.hash)


async def chains(engine: Engine) -> list[str]:
    """Give every chain that has a head or an entry."""
    found = [chain for name in ("list_heads", "list_chains") async for chain in _listed(engine, name)]
    return list(dict.fromkeys(found))


async def _listed(engine: Engine, name: str) -> AsyncIterator[str]:
    """Give the chains that a statement lists, read a page at a time; some twice, the last of each page for certain."""
    first = ""
    while True:
        page = await engine.read(SQL[name](first=first, limit=_PAGE))
        for (chain,) in page:
            yield chain
        if len(page) < _PAGE:
            break
        first = page[-1][0]


async def head(engine: Engine, chain: str) -> Head | None:
    """Give a chain's head, or None."""
    rows = await engine.read(SQL["read_head"](merchant_id=chain))
    return Head(*rows[0]) if rows else None


async def walk(engine: Engine, chain: str, after: int = 0) -> AsyncIterator[Link]:
    """Give a chain's entries after a place, in order, read a page at a time."""
    while page := await engine.read(SQL["read_chain"](merchant_id=chain, after=after, limit=_PAGE)):
        for row in page:
            yield Link(*row)
        after = page[-1][0]


async def hash_at(engine: Engine, chain: str, sequence: int) -> bytes | None:
    """Give the hash at one place of a chain, or None when there is no such place."""
    rows = await engine.read(SQL["read_hash"](merchant_id=chain, sequence=sequence))
    return rows[0][0] if rows else None


def moved_heads() -> Work[list[Head]]:
    """Give the heads that moved since they were last covered by a checkpoint, inside a transaction."""
    return [Head(*row) for row in (yield SQL["moved_heads"]())]


def last_checkpoint() -> Work[Checkpoint | None]:
    """Give the newest checkpoint, inside a transaction."""
    rows = yield SQL["last_checkpoint"]()
    return Checkpoint(*rows[0]) if rows else None


async def newest_checkpoint(engine: Engine) -> Checkpoint | None:
    """Give the newest checkpoint there is."""
    rows = await engine.read(SQL["last_checkpoint"]())
    return Checkpoint(*rows[0]) if rows else None


async def checkpoint_hash(engine: Engine, number: int) -> bytes | None:
    """Give the hash of a checkpoint, or None when there is no such one."""
    rows = await engine.read(SQL["checkpoint_hash"](number=number))
    return rows[0][0] if rows else None


def insert_checkpoint(checkpoint: Checkpoint) -> Work[bool]:
    """Write a checkpoint; False when another process has just written one."""
    return bool((yield SQL["insert_checkpoint"](**checkpoint._asdict())))


def mark_checkpointed(heads: list[Head]) -> Work[None]:
    """Mark heads as covered; whoever wants to append to one of these chains waits until all are."""
    for head in heads:
        yield SQL["mark_checkpointed"](merchant_id=head.chain, sequence=head.sequence)


async def checkpoints(engine: Engine) -> AsyncIterator[Checkpoint]:
    """Give all checkpoints in order, read a page at a time."""
    after = 0
    while page := await engine.read(SQL["read_checkpoints"](after=after, limit=_CHECKPOINTS)):
        for row in page:
            yield Checkpoint(*row)
        after = page[-1][0]
