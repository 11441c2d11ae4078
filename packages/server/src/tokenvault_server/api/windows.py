"""The calls of the last minute, exactly, in bounded memory.

Up to a limit of `EXACT_UP_TO` every call is remembered by its moment. Above it, calls are counted by the twentieth of
a second: such a call is held against its caller for up to a twentieth of a second too long and never too short, and a
window has 1,201 entries at most, whatever the limit.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final

from tokenvault_server.domain.clock import MINUTE, SECOND

EXACT_UP_TO: Final = 3_000
LONGEST_WAIT: Final = 59
_STEP: Final = SECOND // 20
_MAX_WINDOWS: Final = 50_000
_SWEPT_AT_ONCE: Final = 1_000


class Window:
    """The calls that one caller made within the last minute."""

    __slots__ = ("_counts", "_moments", "spent")

    def __init__(self) -> None:
        """Begin without calls."""
        self._moments: deque[int] = deque()
        self._counts: deque[int] = deque()
        self.spent = 0
        """How many calls there were, as of the last `slide`."""

    def slide(self, now: int) -> int:
        """Forget what is a minute old and give how many calls are left."""
        moments = self._moments
        if moments and moments[-1] > now + _STEP:
            self._forget()  # the clock was set back: nobody may be locked out until it is where it was
        horizon = now - MINUTE
        while moments and moments[0] <= horizon:
            moments.popleft()
            self.spent -= self._counts.popleft()
        return self.spent

    def count(self, now: int, limit: int) -> None:
        """Remember one call, as exactly as the limit allows."""
        self.spent += 1
        if limit > EXACT_UP_TO:
            now += _STEP - now % _STEP  # the end of its step, so that no minute ever holds more than the limit
            if self._moments and self._moments[-1] == now:
                self._counts[-1] += 1
                return
        self._moments.append(now)
        self._counts.append(1)

    def seconds_to_wait(self, now: int) -> int:
        """Give the seconds, rounded up, until the oldest call is a minute old.

        At most 59, as the API document says: who is told so in the first second may be told 1 once more afterwards.
        """
        oldest = self._moments[0] if self._moments else now
        return min(-((now - oldest - MINUTE) // SECOND), LONGEST_WAIT)

    def _forget(self) -> None:
        self._moments.clear()
        self._counts.clear()
        self.spent = 0


class Windows:
    """A bounded number of windows; the one begun first goes when there are too many."""

    def __init__(self) -> None:
        """Begin without windows."""
        self._windows: OrderedDict[tuple[str, str], Window] = OrderedDict()
        self.get = self._windows.get

    def open(self, place: tuple[str, str]) -> Window:
        """Give the window of a place, a new one if it has none."""
        window = self._windows.get(place)
        if window is None:
            if len(self._windows) >= _MAX_WINDOWS:
                self._windows.popitem(last=False)
            window = self._windows[place] = Window()
        return window

    def sweep(self, now: Callable[[], int]) -> Iterator[None]:
        """Let go of the windows in which nothing happened for a minute; pause now and then, for others."""
        for places in batches(self._windows):
            at = now()  # it is later after a pause, and there may be younger calls
            for place in places:
                window = self._windows.get(place)
                if window is not None and not window.slide(at):
                    del self._windows[place]
            yield


def batches(places: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Give the places that there are now, some at a time."""
    waiting = iter(list(places))
    while batch := list(islice(waiting, _SWEPT_AT_ONCE)):
        yield batch
