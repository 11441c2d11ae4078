"""Metrics that every process has: what it uses of the machine and of its databases, and the tasks that failed.

`serve` has several processes, so each metric has the label `role`. Worker processes write theirs to files, which the
parent process adds up; prometheus_client's own collector of process figures does not work there. A process also cannot
read those of another: `process_memory` keeps it from being inspected.
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

from tokenvault_server.telemetry.prometheus import add_observations
from tokenvault_server.telemetry.store_counts import WAIT_BUCKETS, Failure, Pool, StoreCounts

Role = Literal["parent", "worker", "emulator"]

REPORT_SECONDS: Final = 5.0
"""How often a worker process writes its figures. A process that is scraped itself reads them at each scrape."""
_STATM: Final = Path("/proc/self/statm")
_DESCRIPTORS: Final = Path("/proc/self/fd")
_STORE: Final = ("role", "store")


class ProcessMetrics(Collector):
    """The figures of this process."""

    def __init__(self, role: Role, registry: CollectorRegistry | None = None, *, started_at: float = 0.0) -> None:
        """Register with `registry`, by default a new one; the process started at so many seconds since 1970."""
        self.registry = registry or CollectorRegistry()
        self.registry.register(self)  # registered first, so that a scrape reads the figures before it shows them
        self._role = role
        self._stores: dict[str, tuple[StoreCounts, Callable[[], Pool]]] = {}
        self._cpu_seconds = 0.0
        self._create_process_metrics()
        self._started_at.labels(role).set(started_at)
        self._create_store_metrics()
        self._task_failures = Counter(
            "tokenvault_background_task_failures",
            "Runs of a periodic task that failed. The task runs again later.",
            ("role", "task"),
            registry=self.registry,
        )

    def _gauge(self, name: str, text: str, labels: tuple[str, ...] = ("role",), mode: str = "livesum") -> Gauge:
        return Gauge(name, text, labels, registry=self.registry, multiprocess_mode=mode)  # type: ignore[arg-type]  # one of a list of names

    def _create_process_metrics(self) -> None:
        self._cpu = Counter(
            "tokenvault_process_cpu_seconds",
            "Processor time that the processes used.",
            ("role",),
            registry=self.registry,
        )
        self._processes = self._gauge("tokenvault_processes", "Processes that run.")
        self._memory = self._gauge("tokenvault_process_resident_memory_bytes", "Memory of the processes together.")
        self._open_files = self._gauge(
            "tokenvault_process_open_fds", "Open file descriptors of the process that has the most.", mode="livemax"
        )
        self._max_files = self._gauge(
            "tokenvault_process_max_fds", "File descriptors that one process may have.", mode="livemin"
        )
        self._started_at = self._gauge(
            "tokenvault_process_start_time_seconds",
            "When the process that started last opened the vault, in seconds since 1970.",
            mode="livemax",
        )

    def _create_store_metrics(self) -> None:
        self._limit = self._gauge(
            "tokenvault_database_connections_max", "Connections that the processes may open together.", _STORE
        )
        self._opened = self._gauge("tokenvault_database_connections", "Open connections, used or idle.", _STORE)
        self._in_use = self._gauge("tokenvault_database_connections_in_use", "Connections that callers use.", _STORE)
        self._waiting = self._gauge(
            "tokenvault_database_waiting",
            "Callers that wait for a connection, or for the one writer of a database in a file.",
            _STORE,
        )
        self._wait_seconds = Histogram(
            "tokenvault_database_wait_seconds",
            "How long callers waited for a connection, or for the one writer of a database in a file.",
            _STORE,
            buckets=WAIT_BUCKETS,
            registry=self.registry,
        )
        self._errors = Counter(
            "tokenvault_database_errors",
            "Failures of the database by kind, also of attempts that were repeated with success.",
            (*_STORE, "kind"),
            registry=self.registry,
        )

    def watch_store(self, name: str, counts: StoreCounts, pool: Callable[[], Pool]) -> None:
        """Report what an engine counts, and how its connections are used, under a name."""
        self._stores[name] = (counts, pool)
        for failure in Failure:  # from 0 on, so that `increase` sees the first one
            self._errors.labels(self._role, name, failure.value)

    def watch_task(self, name: str) -> None:
        """Report failures of a task from 0 on."""
        self._task_failures.labels(self._role, name)

    def task_failed(self, name: str) -> None:
        """Count a run of a task that failed."""
        self._task_failures.labels(self._role, name).inc()

    async def report(self) -> None:
        """Read all figures now: the periodic task of a process that is not scraped itself."""
        self.read()

    def read(self) -> None:
        """Read all figures now."""
        self._read_process()
        for name, (counts, pool) in self._stores.items():
            self._read_store(name, counts, pool())

    def collect(self) -> Iterable[Metric]:
        """Read the figures before a scrape; this collector has no metric of its own."""
        self.read()
        return ()

    def _read_process(self) -> None:
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu_seconds = used.ru_utime + used.ru_stime
        self._cpu.labels(self._role).inc(max(0.0, cpu_seconds - self._cpu_seconds))
        self._cpu_seconds = cpu_seconds
        self._processes.labels(self._role).set(1)
        self._max_files.labels(self._role).set(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        try:
            self._memory.labels(self._role).set(int(_STATM.read_text().split()[1]) * resource.getpagesize())
            self._open_files.labels(self._role).set(sum(1 for _ in _DESCRIPTORS.iterdir()))
        except OSError:
            return  # there is no /proc: these two figures are left out

    def _read_store(self, name: str, counts: StoreCounts, pool: Pool) -> None:
        labels = (self._role, name)
        self._limit.labels(*labels).set(pool.limit)
        self._opened.labels(*labels).set(pool.opened)
        self._in_use.labels(*labels).set(pool.in_use)
        self._waiting.labels(*labels).set(pool.waiting)
        waits, seconds, failures = counts.take()
        add_observations(self._wait_seconds.labels(*labels), waits, seconds)
        for failure, count in failures.items():
            self._errors.labels(*labels, failure.value).inc(count)
