"""What the vault still has to tell somebody else, as rows."""

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
    """One thing to tell, sealed."""

    merchant_id: MerchantId
    outbox_id: str
    topic: str
    token_index: bytes | None
    sealed: bytes
    attempts: int = 0


def insert(task: OutboxTask, now: int, *, due_at: int | None = None) -> Statement:
    """Add an errand that is due at once, or at a moment."""
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
    """Tell whether the time of any errand has come."""
    return bool(await engine.read(SQL["is_due_outbox"](now=now)))


def claim(claim: str, now: int, until: int, limit: int) -> Work[list[OutboxTask]]:
    """Take the errands whose time has come, oldest first, so that no other worker does until then."""
    rows = yield SQL["claim_outbox"](claim=claim, until=until, now=now, limit=limit)
    return [OutboxTask(*row[:-1]) for row in sorted(rows, key=itemgetter(-1))]


def postpone(task: OutboxTask, claim: str, due_at: int) -> Statement:
    """Have an errand that was claimed tried again later."""
    which = {"merchant_id": task.merchant_id, "outbox_id": task.outbox_id}
    return SQL["postpone_outbox"](**which, claim=claim, due_at=due_at)


def unclaim(task: OutboxTask, claim: str) -> Statement:
    """Let somebody else try an errand that was claimed."""
    return SQL["unclaim_outbox"](merchant_id=task.merchant_id, outbox_id=task.outbox_id, claim=claim)


def delete(task: OutboxTask, claim: str) -> Work[bool]:
    """Forget an errand that is done; tell whether the claim was still good."""
    which = {"merchant_id": task.merchant_id, "outbox_id": task.outbox_id}
    return bool((yield SQL["delete_outbox"](**which, claim=claim)))


def withdraw(task: OutboxTask) -> Work[bool]:
    """Forget an errand that need not be done, whoever has claimed it; tell whether it was still there."""
    return bool((yield SQL["withdraw_outbox"](merchant_id=task.merchant_id, outbox_id=task.outbox_id)))
