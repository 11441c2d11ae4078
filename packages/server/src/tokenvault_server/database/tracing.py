"""An engine whose commits are spans. They say which database it is, and hold no SQL and no value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tokenvault_server.database.engine import Engine, Rows, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.telemetry.store_counts import Pool, StoreCounts

if TYPE_CHECKING:
    from tokenvault_server.telemetry.tracing import Tracing

T = TypeVar("T")


class TracedEngine:
    """An engine with a span for each commit within a trace."""

    def __init__(self, inner: Engine, tracing: Tracing, *, system: str, store: str) -> None:
        """Trace `inner`, a database of the product `system`, which belongs to `store`."""
        self._inner = inner
        self._tracing = tracing
        self._attributes = {"db.system.name": system, "db.operation.name": "COMMIT", "tokenvault.store": store}

    @property
    def inner(self) -> Engine:
        """The engine that is traced."""
        return self._inner

    async def read(self, statement: Statement) -> Rows:
        return await self._inner.read(statement)

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        """Commit within a span. It includes the wait for a connection, or for the group's turn at the disk."""
        with self._tracing.child("COMMIT", self._attributes, leaves_process=True):
            return await self._inner.commit(body)

    async def commit_exclusive(self, body: Callable[[], Work[T]]) -> T:
        return await self._inner.commit_exclusive(body)

    async def scrub(self) -> None:
        await self._inner.scrub()

    async def close(self) -> None:
        await self._inner.close()

    @property
    def counts(self) -> StoreCounts:
        """The waits and failures of the inner engine."""
        return self._inner.counts

    def pool(self) -> Pool:
        return self._inner.pool()
