"""The seams of a vault, made to fail: the databases, the master key, the encoder of answers.

A `Fault` counts the calls of all seams and fails one of them. It is therefore not bound to any line of the code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeVar

from tests.support.engines import Around
from tokenvault_contract.operations import Operation
from tokenvault_server.api.call import Request
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.api.shape import Body, Shape
from tokenvault_server.api.versions import Versions
from tokenvault_server.bootstrap import Api
from tokenvault_server.database.engine import Engine, Rows, Work
from tokenvault_server.database.kind import EngineOptions
from tokenvault_server.database.queries import Statement
from tokenvault_server.database.sqlite.kind import SqliteKind
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import KeyProviderError, StoreError
from tokenvault_server.keys.kek import KeyContext, KeyEncryptionKey

T = TypeVar("T")


class ForeignError(Exception):
    """An error of another package, which quotes and holds what it failed on."""

    def __init__(self, argument: object) -> None:
        super().__init__(f"cannot handle {argument!r}")
        self.argument = argument


def no_text(argument: object) -> Exception:
    """Return the error of a body that is no UTF-8. It holds the whole body."""
    data = argument if isinstance(argument, bytes) else repr(argument).encode()
    return UnicodeDecodeError("utf-8", data or b"\xff", 0, 1, "invalid start byte")


Mistake = Callable[[object], BaseException]
MISTAKES: Final[dict[str, Mistake]] = {
    "of ours": lambda _: StoreError("the database failed"),
    "of the key provider": lambda _: KeyProviderError(hint="away"),
    "of another package": ForeignError,
    "no text": no_text,
    "out of memory": lambda _: MemoryError(),
    "cancelled": lambda _: asyncio.CancelledError(),
}


class Fault:
    """Fails one of the next calls of the seams."""

    def __init__(self) -> None:
        self.at = 0
        self.mistake = MISTAKES["of ours"]
        self.seen = 0
        self.in_bodies = True
        """Whether bodies of transactions fail too: they wait for nothing, so nothing can cancel them."""

    def arm(self, at: int, mistake: Mistake) -> None:
        """Fail the call number `at`; the first is 1."""
        self.at, self.mistake, self.seen = at, mistake, 0
        self.in_bodies = isinstance(mistake(b""), Exception)

    def disarm(self) -> None:
        """Fail no call."""
        self.at = 0

    @property
    def struck(self) -> bool:
        return 0 < self.at <= self.seen

    def step(self, argument: object) -> None:
        """Count a call of a seam, and fail if it is the one."""
        self.seen += 1
        if self.seen == self.at:
            raise self.mistake(argument)


class FaultyEngine(Around):
    """A database that fails before or after it reads or writes."""

    def __init__(self, inner: Engine, fault: Fault) -> None:
        super().__init__(inner)
        self._fault = fault

    async def read(self, statement: Statement) -> Rows:
        self._fault.step(statement)
        return await super().read(statement)

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        self._fault.step(body)
        result = await super().commit(lambda: self._watched(body()))
        self._fault.step(result)
        return result

    def _watched(self, work: Work[T]) -> Work[T]:
        """Fail inside the body, where its statements are."""
        try:
            statement = next(work)
            while True:
                if self._fault.in_bodies:
                    self._fault.step(statement)
                statement = work.send((yield statement))
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


class FaultyKind(SqliteKind):
    """SQLite whose databases fail."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault

    async def open(self, url: str, *, new: bool, password: Secret[str] | None, options: EngineOptions) -> Engine:
        return FaultyEngine(await super().open(url, new=new, password=password, options=options), self._fault)


class FaultyKek:
    """A master key that fails before or after it is used."""

    def __init__(self, inner: KeyEncryptionKey, fault: Fault) -> None:
        self._inner = inner
        self._fault = fault
        self.materials: set[bytes] = set()
        """The keys that were wrapped or unwrapped."""

    @property
    def uri(self) -> str:
        return self._inner.uri

    @property
    def epoch(self) -> str:
        return self._inner.epoch

    async def wrap(self, material: bytes, context: KeyContext) -> bytes:
        self.materials.add(material)
        self._fault.step(material)
        return await self._inner.wrap(material, context)

    async def unwrap(self, wrapped: bytes, context: KeyContext) -> bytes:
        material = await self._inner.unwrap(wrapped, context)
        self.materials.add(material)
        self._fault.step(material)
        return material

    async def health(self) -> None:
        self._fault.step(b"")
        await self._inner.health()


class FaultyShape(Shape):
    """A shape whose encoder fails."""

    fault: Fault

    def render(self, operation: Operation, body: Body) -> bytes:
        rendered = super().render(operation, body)
        self.fault.step(rendered)
        return rendered


class FaultyVersions(Versions):
    """Versions with failing encoders."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self._fault = fault

    def shape_of(self, request: Request) -> Shape:
        shape = super().shape_of(request)
        faulty = FaultyShape(shape.version, shape.headers, shape._bodies, shape._error)  # noqa: SLF001  # the same in all but one method
        faulty.fault = self._fault
        return faulty


class FaultyApi(Api):
    """An API whose encoder fails."""

    fault: Fault

    async def start(self) -> Pipeline:
        return replace(await super().start(), versions=FaultyVersions(self.fault))
