"""What a database engine counts, in plain numbers: it runs for every call, and prometheus_client would be slow there.

`process_metrics` takes the counts every few seconds.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from enum import StrEnum
from typing import Final, NamedTuple

WAIT_BUCKETS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, math.inf)


class Failure(StrEnum):
    """Why a database failed. tools/reference/metrics.py has their meanings."""

    CONNECTION_LOST = "connection_lost"
    POOL_EXHAUSTED = "pool_exhausted"
    TIMEOUT = "timeout"
    CONFLICT = "conflict"
    LOCKED = "locked"
    READ_ONLY = "read_only"
    DISK_FULL = "disk_full"
    DAMAGED = "damaged"
    OTHER = "other"


class Pool(NamedTuple):
    """How the connections of one process to one database are used. SQLite has one that writes."""

    limit: int
    opened: int
    in_use: int
    waiting: int
    """Callers that wait for a connection."""


class StoreCounts:
    """The waits and the failures of one engine since they were last taken."""

    __slots__ = ("failures", "seconds", "waits")

    def __init__(self) -> None:
        """Begin with nothing."""
        self.waits = [0] * len(WAIT_BUCKETS)
        self.seconds = 0.0
        self.failures: dict[Failure, int] = {}

    def waited(self, seconds: float) -> None:
        """Count one wait for a connection; 0 when there was one at once."""
        self.waits[bisect_left(WAIT_BUCKETS, seconds)] += 1
        self.seconds += seconds

    def failed(self, failure: Failure) -> None:
        """Count one failure, also of an attempt that is repeated."""
        self.failures[failure] = self.failures.get(failure, 0) + 1

    def take(self) -> tuple[list[int], float, dict[Failure, int]]:
        """Return the waits by bucket, their sum in seconds and the failures, and begin again."""
        taken = self.waits, self.seconds, self.failures
        self.waits, self.seconds, self.failures = [0] * len(WAIT_BUCKETS), 0.0, {}
        return taken
