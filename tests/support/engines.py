"""Engines around a real one that fail, count, record or interrupt on demand."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tokenvault_server.database.engine import Engine, Rows, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.errors import StoreError
from tokenvault_server.telemetry.store_counts import Pool, StoreCounts

T = TypeVar("T")


class Around:
    """An engine that passes every call to another one."""

    def __init__(self, inner: Engine) -> None:
        self._inner = inner

    async def read(self, statement: Statement) -> Rows:
        return await self._inner.read(statement)

    async def commit_exclusive(self, body: Callable[[], Work[T]]) -> T:
        return await self.commit(body)

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        return await self._inner.commit(body)

    async def scrub(self) -> None:
        await self._inner.scrub()

    async def close(self) -> None:
        await self._inner.close()

    @property
    def counts(self) -> StoreCounts:
        return self._inner.counts

    def pool(self) -> Pool:
        return self._inner.pool()


class SometimesLocked(Around):
    """An engine whose database another process locks while `is_locked`: it reads and cannot write."""

    is_locked = False

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        if self.is_locked:
            raise StoreError("the database is locked")
        return await super().commit(body)


class Recording(Around):
    """An engine that records the names of the statements in its transactions."""

    def __init__(self, inner: Engine) -> None:
        super().__init__(inner)
        self.names: list[str] = []

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        return await super().commit(lambda: self._recorded(body()))

    def _recorded(self, work: Work[T]) -> Work[T]:
        try:
            statement = next(work)
            while True:
                self.names.append(statement.query.name)
                statement = work.send((yield statement))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


class CommitCounter(Around):
    """An engine that records how many commits ran at the same time."""

    def __init__(self, inner: Engine) -> None:
        super().__init__(inner)
        self.most = 0
        self._now = 0

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            return await super().commit(body)
        finally:
            self._now -= 1


class ReadCounter(Around):
    """An engine that counts reads."""

    def __init__(self, inner: Engine) -> None:
        super().__init__(inner)
        self.reads = 0

    async def read(self, statement: Statement) -> Rows:
        self.reads += 1
        return await super().read(statement)


class Interrupted(Around):
    """An engine that calls back once after a read and once after a commit, and counts the commits."""

    def __init__(self, inner: Engine) -> None:
        super().__init__(inner)
        self.after_read: Callable[[], Awaitable[object]] | None = None
        self.after_commit: Callable[[], Awaitable[object]] | None = None
        self.commits = 0

    async def read(self, statement: Statement) -> Rows:
        rows = await super().read(statement)
        meanwhile, self.after_read = self.after_read, None
        if meanwhile:
            await meanwhile()
        return rows

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        self.commits += 1
        result = await super().commit(body)
        meanwhile, self.after_commit = self.after_commit, None
        if meanwhile:
            await meanwhile()
        return result
