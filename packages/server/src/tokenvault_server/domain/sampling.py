"""Chooses which records of a table are opened: of every key the newest, and random ones that nobody can predict."""

from __future__ import annotations

import heapq
import secrets
from collections.abc import Iterator
from typing import NamedTuple

_random = secrets.SystemRandom()


class Candidate(NamedTuple):
    """A sealed record that may be opened. Candidates sort by their age."""

    at: int
    owner: str
    part: str
    """Further part of the primary key, or empty."""
    record_id: str


class Sample:
    """A sample of records that are seen one after another, with up to `size` newest and `size` random ones a key."""

    def __init__(self, size: int) -> None:
        """Begin with no record."""
        self._size = size
        self._by_key: dict[bytes, _OfKey] = {}

    def add(self, key: bytes, candidate: Candidate) -> None:
        """See a record that is sealed under a key."""
        self._by_key.setdefault(key, _OfKey(self._size)).add(candidate)

    def take(self) -> Iterator[Candidate]:
        """Return what was chosen so far, each record once, and begin again."""
        taken, self._by_key = self._by_key, {}
        for of_key in taken.values():
            yield from sorted({*of_key.newest, *of_key.random})


class _OfKey:
    """The records of one key."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._seen = 0
        self.newest: list[Candidate] = []
        self.random: list[Candidate] = []

    def add(self, candidate: Candidate) -> None:
        self._seen += 1
        if len(self.newest) < self._size:
            heapq.heappush(self.newest, candidate)
        else:
            heapq.heappushpop(self.newest, candidate)
        # Reservoir sampling (Vitter 1985, algorithm R): every record is chosen with the same probability.
        if len(self.random) < self._size:
            self.random.append(candidate)
        elif (place := _random.randrange(self._seen)) < self._size:
            self.random[place] = candidate
