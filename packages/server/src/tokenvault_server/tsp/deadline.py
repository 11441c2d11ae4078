"""One deadline for all calls of one verb of a provider.

`asyncio.timeout` sets and cancels a timer for each call, which costs 5.5 us. A cryptogram costs a few hundred. All
calls have the same time here, so the oldest call is the first that can be late. One timer, set for that call, serves
them all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from itertools import count
from typing import TypeVar, cast

T = TypeVar("T")


class _Call:
    """A call that has not ended: its task, and the time at which it is late."""

    __slots__ = ("ends_at", "is_late", "task")

    def __init__(self, task: asyncio.Task[object], ends_at: float) -> None:
        self.task = task
        self.ends_at = ends_at
        self.is_late = False


class Deadline:
    """Limits every call to the same time."""

    def __init__(self, seconds: float) -> None:
        """Allow each call this number of seconds."""
        self.seconds = seconds
        self._numbers = count()
        self._calls: dict[int, _Call] = {}
        self._watched: asyncio.AbstractEventLoop | None = None

    async def keep(self, answer: Awaitable[T]) -> T:
        """Return the answer.

        Raises:
            TimeoutError: the answer did not come in time; the call was cancelled.
        """
        loop = asyncio.get_running_loop()
        task = cast("asyncio.Task[object]", asyncio.current_task())
        number = next(self._numbers)
        call = self._calls[number] = _Call(task, loop.time() + self.seconds)
        if self._watched is not loop:
            self._watch(loop, call.ends_at)
        cancelled_before = task.cancelling()  # requests to cancel this task that are not ours
        try:
            return await answer
        except asyncio.CancelledError:
            # As in asyncio.timeout: take our own request back. If another one is left, the task was cancelled by
            # somebody else too, and that cancellation must go on.
            if call.is_late and task.uncancel() <= cancelled_before:
                raise TimeoutError from None
            raise
        finally:
            del self._calls[number]

    def _watch(self, loop: asyncio.AbstractEventLoop, until: float) -> None:
        self._watched = loop
        loop.call_at(until, self._cancel_late, loop)

    def _cancel_late(self, loop: asyncio.AbstractEventLoop) -> None:
        self._watched = None
        now = loop.time()
        for call in self._calls.values():  # the oldest first, in the order in which they were added
            if call.ends_at > now:
                self._watch(loop, call.ends_at)
                break
            if not call.is_late:
                call.is_late = True
                call.task.cancel()
