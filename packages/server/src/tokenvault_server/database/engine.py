"""What the rest of the house may ask of a database, whichever it is.

A transaction's body is a *generator* that yields statements and is sent their rows. It neither waits nor knows who
carries the statements out: SQLite runs it in the event loop, several bodies to one durable commit; PostgreSQL
awaits each statement. One body, one SQL text, two engines.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final, Protocol, TypeVar

from tokenvault_server.database.queries import Statement

T = TypeVar("T")

Row = tuple[Any, ...]
Rows = list[Row]
Work = Generator[Statement, Rows, T]
"""A transaction's body. It may run more than once, so it must do nothing but yield, compute and return."""


_BATCH: Final = 200


class Engine(Protocol):
    """A database that reads freely and writes in all-or-nothing bodies."""

    async def read(self, statement: Statement) -> Rows:
        """Give the rows of a reading statement, as of the last commit."""
        ...

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        """Run a body in one transaction and return its result once it is durable.

        Whatever the body raises rolls back all that it wrote, and nothing else.
        """
        ...

    async def commit_exclusive(self, body: Callable[[], Work[T]]) -> T:
        """Run a body that changes the schema, alone among all processes that want to, for as long as it takes."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of the database."""
        ...


class Unit:
    """What one call wants written: collected while it runs, committed once at its end, or not at all.

    The transaction begins with the first write that is carried out, which is at `commit`: no lock is ever held while
    somebody else (a token service provider) is thinking.
    """

    __slots__ = ("_bodies", "_engine")

    def __init__(self, engine: Engine) -> None:
        """Collect writes for `engine`."""
        self._engine = engine
        self._bodies: list[Callable[[], Work[None]]] = []

    def add(self, body: Callable[[], Work[None]]) -> None:
        """Have `body` run in this unit's transaction, after those added before it."""
        self._bodies.append(body)

    async def commit(self) -> None:
        """Write everything durably, or raise what a body raised with nothing written."""
        if self._bodies:
            await self._engine.commit(self._all)
            self._bodies = []

    def _all(self) -> Work[None]:
        for body in self._bodies:
            yield from body()


def single_statement(statement: Statement) -> Callable[[], Work[Rows]]:
    """Make a body of one statement; it returns the statement's rows."""

    def body() -> Work[Rows]:
        return (yield statement)

    return body


async def in_batches(engine: Engine, sweep: Callable[[int], Work[int]]) -> None:
    """Run a body that does away with up to so many rows, and returns how many, until it finds none.

    What came together in a minute, or while a vault stood still, is more than one transaction may take: its rows would
    be held for as long, on SQLite nobody else would have a turn, and what a statement's time limit ends is never done.
    Fewer than it may take is not the end: several servers that begin at one moment share what they all chose.
    """
    while await engine.commit(lambda: sweep(_BATCH)):
        pass
