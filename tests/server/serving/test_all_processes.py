"""The parent of `serve` adds up its workers, and a worker that ends leaves its counters and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tokenvault_server.serving.all_processes import AllProcesses
from tokenvault_server.telemetry.background_metrics import BackgroundMetrics
from tokenvault_server.telemetry.process_metrics import ProcessMetrics
from tokenvault_server.telemetry.store_counts import Failure, Pool, StoreCounts

WORKER = """
import os
from tokenvault_server.telemetry.background_metrics import BackgroundMetrics
from tokenvault_server.telemetry.metrics import Metrics
from tokenvault_server.telemetry.process_metrics import ProcessMetrics
from tokenvault_server.telemetry.store_counts import Failure, Pool, StoreCounts

BackgroundMetrics().gave_up()
metrics, processes, counts = Metrics(), ProcessMetrics("worker"), StoreCounts()
processes.watch_store("vault", counts, lambda: Pool(16, 3, 2, 1))
metrics.call("fetch_instrument", 200, 0.003)
metrics.circuit("local.get", "open")
metrics.rate_limited("address")
counts.failed(Failure.TIMEOUT)
counts.waited(0.3)
metrics.flush()
processes.read()
print(os.getpid())
"""


class Served:
    """A parent with two workers, which have counted and then ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
        workers = [
            subprocess.Popen([sys.executable, "-c", WORKER], env=environ, stdout=subprocess.PIPE, text=True)
            for _ in range(2)
        ]
        self.pids = [int(worker.communicate(timeout=60)[0]) for worker in workers]
        background, own, counts = BackgroundMetrics(), ProcessMetrics("parent"), StoreCounts()
        own.watch_store("vault", counts, lambda: Pool(16, 1, 0, 0))
        counts.failed(Failure.TIMEOUT)
        self.processes = AllProcesses(folder, background.registry, own.registry)
        self.registry = CollectorRegistry()
        self.registry.register(self.processes)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"tokenvault_{name}", labels)


@pytest.fixture
def served(tmp_path: Path) -> Served:
    return Served(tmp_path)


def counters(served: Served) -> list[float | None]:
    return [
        served.value("calls_total", operation="fetch_instrument", status="200"),
        served.value("rate_limited_calls_total", scope="address"),
        served.value("call_seconds_bucket", operation="fetch_instrument", le="0.005"),
        served.value("database_errors_total", role="worker", store="vault", kind="timeout"),
        served.value("database_wait_seconds_count", role="worker", store="vault"),
    ]


def test_workers_are_added_up_and_the_parent_stands_beside_them(served: Served) -> None:
    assert counters(served) == [2] * 5
    assert served.value("database_connections", role="worker", store="vault") == 6
    assert served.value("processes", role="worker") == 2
    assert served.value("processes", role="parent") == 1
    assert served.value("database_errors_total", role="parent", store="vault", kind="timeout") == 1
    assert served.value("webhook_dead_deliveries_total") == 0  # the parent's: a worker sends nothing
    text = generate_latest(served.registry).decode()
    assert text.count("# TYPE tokenvault_database_errors_total ") == 1


def test_a_worker_that_ended_leaves_its_counters_and_no_file(served: Served) -> None:
    first, second = served.pids
    cpu_seconds = served.value("process_cpu_seconds_total", role="worker")
    for ended, left in ((first, 1), (second, None)):
        served.processes.forget(ended)
        assert counters(served) == [2] * 5
        assert served.value("processes", role="worker") == left
        assert list(served.folder.glob(f"*_{ended}.db")) == []
    assert served.value("process_cpu_seconds_total", role="worker") == pytest.approx(cpu_seconds)
    assert served.value("circuit_open", circuit="local.get") is None
    assert sorted(each.name for each in served.folder.iterdir()) == ["counter_ended.db", "histogram_ended.db"]
