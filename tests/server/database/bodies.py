"""A table of numbers, and bodies that write to it."""

from __future__ import annotations

from collections.abc import Callable

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.queries import Query

TABLE = "CREATE TABLE numbers (number BIGINT PRIMARY KEY, text TEXT)"
INSERT = Query("insert", "INSERT INTO numbers (number) VALUES (:number)")
NUMBERS = Query("numbers", "SELECT number FROM numbers ORDER BY number")


async def numbers(engine: Engine) -> list[int]:
    return [row[0] for row in await engine.read(NUMBERS())]


def inserting(*values: int, then: Exception | None = None) -> Callable[[], Work[int]]:
    def body() -> Work[int]:
        for value in values:
            yield INSERT(number=value)
        if then:
            raise then
        return len(values)

    return body
