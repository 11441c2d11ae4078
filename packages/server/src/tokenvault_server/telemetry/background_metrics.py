"""The metrics of background tasks and of the server as a whole. One process has them, so nothing is shared by files."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tokenvault_server import __version__
from tokenvault_server.telemetry.metrics import UNREADABLE_IN_BACKGROUND
from tokenvault_server.telemetry.revision import short_revision

_ATTEMPT_BUCKETS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)


class QueueState(NamedTuple):
    """The length of a queue, counted up to a limit, and the age of its oldest entry in seconds."""

    length: int
    oldest_seconds: float


class KeyTimes(Collector):
    """When keys were made. Their ages are computed at each scrape."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Compute ages by `now`, in seconds since 1970."""
        self._now = now
        self._made: dict[tuple[str, str], float] = {}
        self._master_made: float | None = None

    def key(self, store: str, purpose: str, made_at: float) -> None:
        """Record when the oldest key in use of a purpose was made."""
        self._made[store, purpose] = made_at

    def master_key(self, made_at: float) -> None:
        """Record when the master key in use wrapped its oldest key."""
        self._master_made = made_at

    def collect(self) -> Iterable[Metric]:
        """Yield the ages."""
        now = self._now()
        ages = GaugeMetricFamily(
            "tokenvault_key_age_seconds",
            "Age of the oldest key in use, by database and purpose.",
            labels=("store", "purpose"),
        )
        for labels, made_at in self._made.items():
            ages.add_metric(labels, max(0.0, now - made_at))
        yield ages
        master = GaugeMetricFamily(
            "tokenvault_master_key_age_seconds",
            "At least so old is the version of the master key in use: the age of the oldest key in use that it "
            "wrapped, among the vault's own.",
        )
        if self._master_made is not None:
            master.add_metric((), max(0.0, now - self._master_made))
        yield master


class BackgroundMetrics:
    """The metrics of the process that runs the background tasks."""

    def __init__(
        self,
        unsigned_seconds: Callable[[], float] = lambda: 0.0,
        anchor_is_wrong: Callable[[], bool] = lambda: False,
        now: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """Create the metrics in a new registry, which other metrics of the process may join.

        The three functions are asked at each scrape; `now` returns seconds since 1970.
        """
        self.registry = CollectorRegistry()
        self._create_webhook_metrics()
        self._unreadable = Counter(
            UNREADABLE_IN_BACKGROUND, "The same, as background tasks found them.", registry=self.registry
        )
        self._gauge(
            "tokenvault_audit_oldest_unsigned_seconds",
            "At most so old is the oldest audit entry without a signature: the time since the last complete signing.",
        ).set_function(unsigned_seconds)
        self._gauge(
            "tokenvault_audit_anchor_wrong",
            "1 while the audit anchor is missing, cannot be read, or contradicts the database.",
        ).set_function(anchor_is_wrong)
        self._outbox_length = self._gauge(
            "tokenvault_outbox_tasks", "Tasks at token service providers that are not done, counted up to 1,000."
        )
        self._outbox_oldest = self._gauge(
            "tokenvault_outbox_oldest_task_seconds",
            "Age of the oldest task that is not done, among the 1,000 that are due next; 0 without one.",
        )
        self.key_times = KeyTimes(now)
        self.registry.register(self.key_times)
        self._create_server_metrics(now)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _create_webhook_metrics(self) -> None:
        self._attempts = Counter(
            "tokenvault_webhook_attempts",
            "Attempts to deliver webhook events, by outcome.",
            ("outcome",),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "tokenvault_webhook_attempt_seconds",
            "Time that an attempt to deliver a webhook event took.",
            buckets=_ATTEMPT_BUCKETS,
            registry=self.registry,
        )
        self._given_up = Counter(
            "tokenvault_webhook_dead_deliveries",
            "Webhook deliveries that were given up after their last attempt.",
            registry=self.registry,
        )
        self._failing = self._gauge(
            "tokenvault_webhook_endpoints_failing", "Webhook endpoints whose last attempts all failed, or were slow."
        )
        self._lag = self._gauge(
            "tokenvault_webhook_lag_seconds",
            "For how long the oldest due webhook delivery has waited; 0 when none is due.",
        )
        self._pending = self._gauge(
            "tokenvault_webhook_pending_deliveries",
            "Webhook deliveries that wait for their next attempt, counted up to 10,000.",
        )

    def _create_server_metrics(self, now: Callable[[], float]) -> None:
        self._ready = self._gauge(
            "tokenvault_ready", "1 while a condition for taking calls holds, 0 while it does not.", ("check",)
        )
        self._restarts = Counter(
            "tokenvault_worker_restarts",
            "Worker processes that ended by themselves and were replaced.",
            registry=self.registry,
        )
        self._gauge(
            "tokenvault_build_info",
            "1; the labels are the versions of the software and of Python, and the revision if it is known.",
            ("version", "revision", "python"),
        ).labels(__version__, short_revision(), platform.python_version()).set(1)
        self._gauge("tokenvault_clock_seconds", "The server's clock, in seconds since 1970.").set_function(now)
        self._certificate = self._gauge(
            "tokenvault_tls_certificate_expiry_timestamp_seconds",
            "When the API's TLS certificate expires, in seconds since 1970; 0 without one.",
        )

    def attempt(self, outcome: str, seconds: float) -> None:
        """Count one attempt."""
        self._attempts.labels(outcome).inc()
        self._seconds.observe(seconds)

    def gave_up(self) -> None:
        """Count a delivery whose last attempt failed."""
        self._given_up.inc()

    def unreadable_record(self) -> None:
        """Count a sealed record that did not open."""
        self._unreadable.inc()

    def lag(self, failing: int, seconds: float) -> None:
        """Record how many endpoints fail, and for how long the oldest due delivery has waited."""
        self._failing.set(failing)
        self._lag.set(seconds)

    def pending_deliveries(self, count: int) -> None:
        """Record how many deliveries wait."""
        self._pending.set(count)

    def outbox(self, state: QueueState) -> None:
        """Record the state of the outbox."""
        self._outbox_length.set(state.length)
        self._outbox_oldest.set(state.oldest_seconds)

    def ready(self, check: str, is_good: bool) -> None:  # noqa: FBT001  # the value of a gauge
        """Record the result of a readiness check."""
        self._ready.labels(check).set(is_good)

    def worker_restarted(self) -> None:
        """Count a worker process that ended by itself."""
        self._restarts.inc()

    def certificate(self, expires_at: float) -> None:
        """Record when the API's certificate expires."""
        self._certificate.set(expires_at)
