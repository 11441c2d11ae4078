"""Sources of random values that give the same values again: for an emulator with a seed, and for seed files."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any, Final

from tokenvault_server.domain.randomness import SOURCE

STABLE_TIME: Final = 1_767_225_600_000_000
"""2026-01-01T00:00:00Z, the time in the ids of what a seed file saves: the clock is another one at each start."""


class SeededSource:
    """Random values that follow from a text. Nothing that they make is secret."""

    def __init__(self, *seed: object, time: int | None = None) -> None:
        """Draw by `seed`; ids show `time` instead of the moment at which they are made."""
        digest = sha256("\0".join(map(str, seed)).encode()).digest()
        self._random = random.Random(digest)  # noqa: S311  # repeatable, which is the purpose
        self._time = time

    def randbits(self, count: int) -> int:
        """Return an integer of up to `count` bits."""
        return self._random.getrandbits(count)

    def id_time(self, now: int) -> int:
        """Return the time that an id shows, in microseconds."""
        return now if self._time is None else self._time

    def mark(self) -> Any:  # noqa: ANN401  # opaque
        """Return the present state, for `go_back`."""
        return self._random.getstate()

    def go_back(self, mark: Any) -> None:  # noqa: ANN401
        """Draw again what was drawn since `mark`."""
        self._random.setstate(mark)


@contextmanager
def drawing_from(source: SeededSource | None) -> Iterator[None]:
    """Take ids, token numbers and keys from a source during the block; None for the operating system."""
    token = SOURCE.set(source)
    try:
        yield
    finally:
        SOURCE.reset(token)
