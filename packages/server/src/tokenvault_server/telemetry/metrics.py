"""Metrics for Prometheus. Labels are operations and statuses only: no id ever becomes a label.

Calls are counted in plain numbers first, and added to prometheus_client together: before each scrape of this process,
and twice a second for scrapes of the parent process. Adding each call by itself would take 3 us a call, because
prometheus_client writes every value to a file that the parent reads.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

from tokenvault_server.telemetry.prometheus import add_observations

_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, math.inf)
_FLUSH_SECONDS: Final = 0.5
_CIRCUIT_OPEN: Final = "tokenvault_circuit_open"
_UNREADABLE: Final = "tokenvault_unreadable_records"
UNREADABLE_IN_BACKGROUND: Final = "tokenvault_unreadable_background_records"

Scope = Literal["merchant", "address"]
"""Whose budget a call would have exceeded."""


class _CallCounts:
    """The calls of one operation with one status since the last flush."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * len(_BUCKETS)
        self.seconds = 0.0


class Metrics(Collector):
    """The counters and histograms of one process."""

    def __init__(self, registry: CollectorRegistry | None = None, *, flush_seconds: float = _FLUSH_SECONDS) -> None:
        """Register with `registry`, by default a new one; flush at most `flush_seconds` after a call."""
        self.registry = registry or CollectorRegistry()
        self.registry.register(self)  # registered before the others, so that a scrape flushes before it reads them
        self._flush_seconds = flush_seconds
        self.calls = Counter(
            "tokenvault_calls", "Calls by operation and status.", ("operation", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "tokenvault_call_seconds",
            "Time from the first byte of a call to its response.",
            ("operation",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._rate_limited = Counter(
            "tokenvault_rate_limited_calls",
            "Calls that got 429, by whose budget was used up: the merchant's, or that of an address that sent no known "
            "credentials. The latter are not in the audit trail.",
            ("scope",),
            registry=self.registry,
        )
        self._refused: dict[Scope, int] = {"merchant": 0, "address": 0}
        for scope in self._refused:
            self._rate_limited.labels(scope)
        # With several processes, the newest value counts. A new process begins with closed circuits.
        self._circuits = Gauge(
            _CIRCUIT_OPEN,
            "1 while the circuit of a token service operation is open: it failed repeatedly and is not called.",
            ("circuit",),
            multiprocess_mode="mostrecent",
            registry=self.registry,
        )
        self._unreadable = Counter(
            _UNREADABLE,
            "Records that did not open and rows that were changed in the database, as calls found them.",
            registry=self.registry,
        )
        self._counts: dict[tuple[str, int], _CallCounts] = {}

    def call(self, operation: str, status: int, seconds: float) -> None:
        """Count one call."""
        counts = self._counts.get((operation, status))
        if counts is None:
            counts = self._begin(operation, status)
        counts.buckets[bisect_left(_BUCKETS, seconds)] += 1
        counts.seconds += seconds

    def rate_limited(self, scope: Scope) -> None:
        """Count a call, which `call` has counted as well, that exceeded a budget."""
        self._refused[scope] += 1

    def circuit(self, name: str, state: str) -> None:
        """Record the state of the circuit of a token service operation."""
        self._circuits.labels(name).set(state != "closed")

    def unreadable_record(self) -> None:
        """Count a sealed record that did not open."""
        self._unreadable.inc()

    def flush(self) -> None:
        """Add the calls since the last flush to prometheus_client."""
        counted, self._counts = self._counts, {}
        for scope, count in self._refused.items():
            self._rate_limited.labels(scope).inc(count)
        self._refused = dict.fromkeys(self._refused, 0)
        for (operation, status), counts in counted.items():
            self.calls.labels(operation, str(status)).inc(sum(counts.buckets))
            add_observations(self._seconds.labels(operation), counts.buckets, counts.seconds)

    def collect(self) -> Iterable[Metric]:
        """Flush before a scrape; this collector has no metric of its own."""
        self.flush()
        return ()

    def _begin(self, operation: str, status: int) -> _CallCounts:
        """Begin to count; the first call since the last flush schedules the next one."""
        if not self._counts:
            with contextlib.suppress(RuntimeError):  # without an event loop, only a scrape flushes
                asyncio.get_running_loop().call_later(self._flush_seconds, self.flush)
        counts = self._counts[operation, status] = _CallCounts()
        return counts


def open_circuits(registry: CollectorRegistry) -> list[str]:
    """Return the names of the open circuits, according to the metrics of all processes in the registry."""
    return sorted(
        sample.labels["circuit"]
        for metric in registry.collect()
        if metric.name == _CIRCUIT_OPEN
        for sample in metric.samples
        if sample.value
    )


def unreadable_records(registry: CollectorRegistry) -> int:
    """Return how many sealed records did not open since the server started, in calls and in background tasks."""
    return sum(
        int(sample.value)
        for metric in registry.collect()
        if metric.name in {_UNREADABLE, UNREADABLE_IN_BACKGROUND}
        for sample in metric.samples
        if sample.name.endswith("_total")
    )
