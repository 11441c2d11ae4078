"""Metrics for Prometheus. Labels are operations and statuses only: no id ever becomes a label.

Calls are counted in plain numbers and handed to prometheus_client together: before each scrape of this process, and
twice a second for those of its parent. Value by value it takes 3 us a call, for it shares each with the parent by a
file.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, math.inf)
_ATTEMPT_BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)
_HAND_OVER_SECONDS: Final = 0.5
_CIRCUIT_OPEN: Final = "tokenvault_circuit_open"


class _Tally:
    """The calls of one operation with one status since the last time that they were handed over."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * len(_BUCKETS)
        self.seconds = 0.0


class Metrics(Collector):
    """The counters and histograms of one process."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register with `registry`, a new one by default."""
        self.registry = registry or CollectorRegistry()
        self.registry.register(self)  # before the others: so it is asked first
        self.calls = Counter(
            "tokenvault_calls", "Calls by operation and status.", ("operation", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "tokenvault_call_seconds",
            "Time from the first byte of a call to its answer.",
            ("operation",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        # Of several processes the one that learnt something last is believed; a new one begins with closed circuits.
        self._circuits = Gauge(
            _CIRCUIT_OPEN,
            "1 while an operation of the token service provider is not asked, because it failed again and again.",
            ("circuit",),
            multiprocess_mode="mostrecent",
            registry=self.registry,
        )
        self._tallies: dict[tuple[str, int], _Tally] = {}

    def call(self, operation: str, status: int, seconds: float) -> None:
        """Count one call."""
        tally = self._tallies.get((operation, status))
        if tally is None:
            tally = self._begin(operation, status)
        tally.buckets[bisect_left(_BUCKETS, seconds)] += 1
        tally.seconds += seconds

    def circuit(self, name: str, state: str) -> None:
        """Note whether an operation of the token service provider is asked: it is while its circuit is closed."""
        self._circuits.labels(name).set(state != "closed")

    def hand_over(self) -> None:
        """Let prometheus_client know of the calls since the last time."""
        tallies, self._tallies = self._tallies, {}
        for (operation, status), tally in tallies.items():
            self.calls.labels(operation, str(status)).inc(sum(tally.buckets))
            histogram = self._seconds.labels(operation)
            # There is no way in for many observations at once; these two values are what `observe` changes.
            histogram._sum.inc(tally.seconds)  # noqa: SLF001
            for bucket, count in zip(histogram._buckets, tally.buckets, strict=True):  # noqa: SLF001
                if count:
                    bucket.inc(count)

    def collect(self) -> Iterable[Metric]:
        """Hand over what the others are about to tell; there is nothing else to tell."""
        self.hand_over()
        return ()

    def _begin(self, operation: str, status: int) -> _Tally:
        """Begin a tally; the first one since the last time sees to it that it will be handed over."""
        if not self._tallies:
            with contextlib.suppress(RuntimeError):  # where no event loop runs, only a scrape can ask
                asyncio.get_running_loop().call_later(_HAND_OVER_SECONDS, self.hand_over)
        tally = self._tallies[operation, status] = _Tally()
        return tally


class BackgroundMetrics:
    """What the loops beside the API count; they run in one process, so nothing is shared by files."""

    def __init__(self) -> None:
        """Count from nothing, in a registry of its own."""
        self.registry = CollectorRegistry()
        self._attempts = Counter(
            "tokenvault_webhook_attempts", "Attempts to notify, by outcome.", ("outcome",), registry=self.registry
        )
        self._seconds = Histogram(
            "tokenvault_webhook_attempt_seconds",
            "How long attempts to notify took.",
            buckets=_ATTEMPT_BUCKETS,
            registry=self.registry,
        )
        self._failing = Gauge(
            "tokenvault_webhook_endpoints_failing",
            "Endpoints whose last round of attempts reached nobody or took long.",
            registry=self.registry,
        )
        self._lag = Gauge(
            "tokenvault_webhook_lag_seconds",
            "How long the notification that is due longest has waited, or 0.",
            registry=self.registry,
        )

    def attempt(self, outcome: str, seconds: float) -> None:
        """Count one attempt to notify."""
        self._attempts.labels(outcome).inc()
        self._seconds.observe(seconds)

    def lag(self, failing: int, seconds: float) -> None:
        """Note how many endpoints fail, and how far behind the queue is."""
        self._failing.set(failing)
        self._lag.set(seconds)


def open_circuits(registry: CollectorRegistry) -> list[str]:
    """Give the circuits that are open, as the metrics of whichever processes tell."""
    return sorted(
        sample.labels["circuit"]
        for metric in registry.collect()
        if metric.name == _CIRCUIT_OPEN
        for sample in metric.samples
        if sample.value
    )
