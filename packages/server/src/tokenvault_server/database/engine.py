"""What the rest of the codebase may ask of a database, whichever it is.

A transaction's body is a *generator* that yields statements and is sent their rows. It cannot wait for anything else
and does not know how an engine carries the statements out: one may run several bodies in the event loop and commit them
together, another may await each statement. One body and one SQL text serve every engine (docs/adr/0005).
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from tokenvault_server.database.queries import Statement
from tokenvault_server.telemetry.store_counts import Pool, StoreCounts

T = TypeVar("T")

Row = tuple[Any, ...]
Rows = list[Row]
Work = Generator[Statement, Rows, T]
"""A transaction's body. It may run more than once, so it must do nothing but yield, compute and return."""

_BATCH: Final = 200


class Engine(Protocol):
    """A database that reads freely and writes in all-or-nothing bodies."""

    async def read(self, statement: Statement) -> Rows:
        """Return the rows of a reading statement, as of the last commit."""
        ...

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        """Run a body in one transaction and return its result once it is durable.

        An exception of the body rolls back all that it wrote, and nothing else.
        """
        ...

    async def commit_exclusive(self, body: Callable[[], Work[T]]) -> T:
        """Run a body that changes the schema, one process at a time, for as long as it takes.

        An `IndexBuild` of the body may be carried out outside of its transaction. The body then must do no more than
        read, yield such statements, and record at its end that they were carried out; it may run again.
        """
        ...

    async def scrub(self) -> None:
        """Remove what deleted and overwritten rows left in the database's own log, where the engine can.

        Raises:
            StoreError: the log still holds them, because another process uses it; try again.
        """
        ...

    async def close(self) -> None:
        """Finish what is under way and close the database."""
        ...

    @property
    def counts(self) -> StoreCounts:
        """The engine's waits and failures, for metrics."""
        ...

    def pool(self) -> Pool:
        """Return how the engine's connections are used at this moment."""
        ...


@runtime_checkable
class ImageEngine(Engine, Protocol):
    """An engine that can return its whole database as bytes, and go back to such bytes. Emulators need it."""

    async def image(self) -> bytes:
        """Return the database as of the last commit. The bytes hold what its rows hold: sealed records."""
        ...

    async def load_image(self, image: bytes) -> None:
        """Replace the whole database, between two transactions.

        Raises:
            StoreError: the bytes are not an image of such a database.
        """
        ...


class Unit:
    """The writes of one call: collected while it runs, committed once at its end, or not at all.

    The transaction begins at `commit`, so no lock is held while the call waits for a token service provider.
    """

    __slots__ = ("_bodies", "_engine")

    def __init__(self, engine: Engine) -> None:
        """Collect writes for `engine`."""
        self._engine = engine
        self._bodies: list[Callable[[], Work[None]]] = []

    def add(self, body: Callable[[], Work[None]]) -> None:
        """Run `body` in this unit's transaction, after those that were added before it."""
        self._bodies.append(body)

    async def commit(self) -> None:
        """Write everything durably; when a body raises, raise that and write nothing."""
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
    """Delete in batches until a batch deletes nothing.

    One transaction for all that is due would hold its rows for as long as it takes, and keep every other writer waiting
    on an engine that writes one transaction at a time. A statement time limit could end it every time.

    Args:
        engine: the database.
        sweep: a body that deletes at most the given number of rows and returns how many it deleted. A smaller number is
            not the end: several servers that sweep at the same moment share the rows that they all chose.
    """
    while await engine.commit(lambda: sweep(_BATCH)):
        pass
