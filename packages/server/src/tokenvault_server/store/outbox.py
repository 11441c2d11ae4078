"""The outbox: tasks that the vault still has to do at a token service provider, as rows."""

from __future__ import annotations

from operator import itemgetter
from typing import NamedTuple

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import MerchantId

SQL = queries.load("tokenvault_server.store", "outbox.sql")

DELETE_TOKEN = "delete_token"
ENROLMENT = "enrolment"


class OutboxTask(NamedTuple):
    """One task, with its sealed data."""

    merchant_id: MerchantId
    outbox_id: str
    topic: str
    token_index: bytes | None
    sealed: bytes
    attempts: int = 0


def insert(task: OutboxTask, now: int, *, due_at: int | None = None) -> Statement:
    """Add a task that is due at once, or at a moment."""
    return SQL["insert_outbox"](
        merchant_id=task.merchant_id,
        outbox_id=task.outbox_id,
        topic=task.topic,
        token_index=task.token_index,
        sealed=task.sealed,
        now=now,
        due_at=now if due_at is None else due_at,
    )


async def is_due(engine: Engine, now: int) -> bool:
    """Return whether any task is due."""
    return bool(await engine.read(SQL["is_due_outbox"](now=now)))


async def state(engine: Engine, limit: int = 1_000) -> tuple[int, int | None]:
    """Return how many tasks are not done, at most `limit`, and when the oldest of them was added."""
    ((count, oldest),) = await engine.read(SQL["state_of_outbox"](limit=limit))
    return int(count), oldest


async def count_of(engine: Engine, merchant_id: MerchantId) -> int:
    """Return how many tasks of a merchant are not done yet."""
    ((count,),) = await engine.read(SQL["count_outbox"](merchant_id=merchant_id))
    return int(count)


def claim(claim: str, now: int, until: int, limit: int) -> Work[list[OutboxTask]]:
    """Claim up to `limit` tasks that are due, until a moment; return them oldest first."""
    rows = yield SQL["claim_outbox"](claim=claim, until=until, now=now, limit=limit)
    return [OutboxTask(*row[:-1]) for row in sorted(rows, key=itemgetter(-1))]


def postpone(task: OutboxTask, claim: str, due_at: int) -> Statement:
    """Release a claimed task after a failure; it is tried again at a later moment."""
    key = {"merchant_id": task.merchant_id, "outbox_id": task.outbox_id}
    return SQL["postpone_outbox"](**key, claim=claim, due_at=due_at)


def unclaim(task: OutboxTask, claim: str) -> Statement:
    """Release a claimed task that was not tried."""
    return SQL["unclaim_outbox"](merchant_id=task.merchant_id, outbox_id=task.outbox_id, claim=claim)


def delete(task: OutboxTask, claim: str) -> Work[bool]:
    """Delete a task that is done; return whether the claim was still valid."""
    key = {"merchant_id": task.merchant_id, "outbox_id": task.outbox_id}
    return bool((yield SQL["delete_outbox"](**key, claim=claim)))


def withdraw(task: OutboxTask) -> Work[bool]:
    """Delete a task that is no longer needed, whether it is claimed or not; return whether it still existed."""
    return bool((yield SQL["withdraw_outbox"](merchant_id=task.merchant_id, outbox_id=task.outbox_id)))
