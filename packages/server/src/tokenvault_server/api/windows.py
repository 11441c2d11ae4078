"""Sliding windows: the calls of the last minute, exactly, in bounded memory.

Up to a limit of `EXACT_UP_TO` a window stores the moment of every call. Above it, a window counts calls by the
twentieth of a second: a call then counts up to a twentieth of a second too long and never too short, and a window has
1,201 entries at most, whatever the limit.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

from tokenvault_server.domain.clock import MINUTE, SECOND

EXACT_UP_TO: Final = 3_000
LONGEST_WAIT: Final = 59
_STEP: Final = SECOND // 20
MAX_WINDOWS: Final = 50_000
SWEPT_AT_ONCE: Final = 1_000

WindowKey = tuple[str, str]
"""A merchant and an operation, or `ip` and the holder of an address's budget."""


class Window:
    """The calls that one caller made within the last minute."""

    __slots__ = ("_counts", "_moments", "spent")

    def __init__(self) -> None:
        """Start without calls."""
        self._moments: deque[int] = deque()
        self._counts: deque[int] = deque()
        self.spent = 0
        """The number of calls as of the last `slide`."""

    def slide(self, now: int) -> int:
        """Drop the calls that are a minute old and return the number of calls left."""
        moments = self._moments
        if moments and moments[-1] > now + _STEP:
            self._clear()  # the clock was set back: its caller must not wait until it is where it was
        horizon = now - MINUTE
        while moments and moments[0] <= horizon:
            moments.popleft()
            self.spent -= self._counts.popleft()
        return self.spent

    def count(self, now: int, limit: int) -> None:
        """Add one call, as exactly as the limit allows."""
        self.spent += 1
        if limit > EXACT_UP_TO:
            now += _STEP - now % _STEP  # the end of its step, so that no minute ever holds more than the limit
            if self._moments and self._moments[-1] == now:
                self._counts[-1] += 1
                return
        self._moments.append(now)
        self._counts.append(1)

    def seconds_to_wait(self, now: int) -> int:
        """Return the seconds, rounded up, until the oldest call is a minute old.

        At most 59, as the API document says: a caller told 59 in the first second may later be told 1 again.
        """
        oldest = self._moments[0] if self._moments else now
        return min(-((now - oldest - MINUTE) // SECOND), LONGEST_WAIT)

    def _clear(self) -> None:
        self._moments.clear()
        self._counts.clear()
        self.spent = 0


class Windows:
    """A bounded number of windows; the oldest goes when there are too many."""

    def __init__(self, max_windows: int = MAX_WINDOWS, swept_at_once: int = SWEPT_AT_ONCE) -> None:
        """Keep up to `max_windows`; sweep that many between two pauses."""
        self._max_windows = max_windows
        self._swept_at_once = swept_at_once
        self._windows: OrderedDict[WindowKey, Window] = OrderedDict()
        self.get = self._windows.get

    def clear(self) -> None:
        """Drop all windows."""
        self._windows.clear()

    def open(self, key: WindowKey) -> Window:
        """Return the window of a key, a new one if it has none."""
        window = self._windows.get(key)
        if window is None:
            if len(self._windows) >= self._max_windows:
                drop_oldest(self._windows)
            window = self._windows[key] = Window()
        return window

    def sweep(self, now: Callable[[], int]) -> Iterator[None]:
        """Drop the windows without a call in the last minute; yield after each batch, so that calls can run."""
        for keys in batches(self._windows, self._swept_at_once):
            at = now()  # time passes during a pause, and calls arrive
            for key in keys:
                window = self._windows.get(key)
                if window is not None and not window.slide(at):
                    del self._windows[key]
            yield


def drop_oldest(cache: OrderedDict[Any, Any]) -> None:
    """Drop the entry that was added, or moved to the end, longest ago."""
    cache.popitem(last=False)


def batches(keys: Iterable[WindowKey], size: int) -> Iterator[list[WindowKey]]:
    """Yield the present keys in batches, however the windows change meanwhile."""
    waiting = iter(list(keys))
    while batch := list(islice(waiting, size)):
        yield batch
