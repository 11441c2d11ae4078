"""Databases with moods, around a real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tokenvault_server.database.engine import Engine, Rows, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.errors import StoreError

T = TypeVar("T")


class SometimesLocked:
    """A database that another process locks while `is_locked`: it reads, and writes nothing."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.is_locked = False

    async def read(self, statement: Statement) -> Rows:
        return await self._engine.read(statement)

    async def commit_alone(self, body: Callable[[], Work[T]]) -> T:
        return await self.commit(body)

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        if self.is_locked:
            raise StoreError("the database is locked")
        return await self._engine.commit(body)

    async def close(self) -> None:
        await self._engine.close()
