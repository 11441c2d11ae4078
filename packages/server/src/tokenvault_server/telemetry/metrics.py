"""Metrics for Prometheus. Labels are operations and statuses only: no id ever becomes a label."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram

_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The counters and histograms of one process, their label children kept: finding one costs more than counting."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        """Register with `registry`, a new one by default."""
        self.registry = registry or CollectorRegistry()
        self._calls = Counter(
            "tokenvault_calls", "Calls by operation and status.", ("operation", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "tokenvault_call_seconds",
            "Time from the first byte of a call to its answer.",
            ("operation",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._call_children: dict[tuple[str, int], Counter] = {}
        self._second_children: dict[str, Histogram] = {}

    def call(self, operation: str, status: int, seconds: float) -> None:
        """Count one call."""
        counter = self._call_children.get((operation, status))
        if counter is None:
            counter = self._call_children[operation, status] = self._calls.labels(operation, str(status))
        counter.inc()
        histogram = self._second_children.get(operation)
        if histogram is None:
            histogram = self._second_children[operation] = self._seconds.labels(operation)
        histogram.observe(seconds)
