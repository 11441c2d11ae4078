"""What every process tells of itself, its databases and its tasks; failures are counted from 0 on."""

from __future__ import annotations

import resource

import pytest

from tokenvault_server.telemetry.process_metrics import ProcessMetrics
from tokenvault_server.telemetry.store_counts import WAIT_BUCKETS, Failure, Pool, StoreCounts

VAULT = {"role": "worker", "store": "vault"}


@pytest.fixture
def counts() -> StoreCounts:
    return StoreCounts()


@pytest.fixture
def metrics(counts: StoreCounts) -> ProcessMetrics:
    metrics = ProcessMetrics("worker")
    metrics.watch_store("vault", counts, lambda: Pool(limit=16, opened=3, in_use=2, waiting=1))
    return metrics


def value(metrics: ProcessMetrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"tokenvault_{name}", {"role": "worker", **labels})


def test_a_process_reports_time_memory_and_files(metrics: ProcessMetrics) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    assert value(metrics, "process_cpu_seconds_total") == pytest.approx(used.ru_utime + used.ru_stime, abs=1)
    assert (value(metrics, "process_resident_memory_bytes") or 0) > 1_000_000
    assert 0 < (value(metrics, "process_open_fds") or 0) < (value(metrics, "process_max_fds") or 0)
    assert value(metrics, "processes") == 1


def test_processor_time_only_grows(metrics: ProcessMetrics) -> None:
    before = value(metrics, "process_cpu_seconds_total") or 0
    assert (value(metrics, "process_cpu_seconds_total") or 0) >= before


def test_the_use_of_connections_is_reported(metrics: ProcessMetrics) -> None:
    names = ("connections_max", "connections", "connections_in_use", "waiting")
    assert [value(metrics, f"database_{name}", store="vault") for name in names] == [16, 3, 2, 1]


def test_waits_are_added_once(metrics: ProcessMetrics, counts: StoreCounts) -> None:
    for seconds in (0, 0, 0.3, 100):
        counts.waited(seconds)
    for _ in range(2):
        assert value(metrics, "database_wait_seconds_count", store="vault") == 4
        assert value(metrics, "database_wait_seconds_bucket", store="vault", le="0.001") == 2
        assert value(metrics, "database_wait_seconds_bucket", store="vault", le="0.5") == 3
        assert value(metrics, "database_wait_seconds_sum", store="vault") == 100.3


def test_failures_are_counted_by_kind_from_zero(metrics: ProcessMetrics, counts: StoreCounts) -> None:
    kinds = {kind: value(metrics, "database_errors_total", store="vault", kind=kind) for kind in Failure}
    assert set(kinds.values()) == {0}
    counts.failed(Failure.DISK_FULL)
    counts.failed(Failure.DISK_FULL)
    for _ in range(2):
        assert value(metrics, "database_errors_total", store="vault", kind="disk_full") == 2


def test_failures_of_tasks_are_counted_from_zero(metrics: ProcessMetrics) -> None:
    metrics.watch_task("Task.act")
    assert value(metrics, "background_task_failures_total", task="Task.act") == 0
    metrics.task_failed("Task.act")
    assert value(metrics, "background_task_failures_total", task="Task.act") == 1


def test_the_buckets_of_waits_grow() -> None:
    assert list(WAIT_BUCKETS) == sorted(WAIT_BUCKETS)
