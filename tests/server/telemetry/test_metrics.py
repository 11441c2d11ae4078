"""Metrics count calls by operation and status, and time them; no id is ever a label."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from tokenvault_server.telemetry.metrics import Metrics, open_circuits


def test_calls_are_counted_by_operation_and_status() -> None:
    metrics = Metrics()
    for status in (200, 200, 404):
        metrics.call("fetch_instrument", status, 0.001)
    text = generate_latest(metrics.registry).decode()
    assert 'tokenvault_calls_total{operation="fetch_instrument",status="200"} 2.0' in text
    assert 'tokenvault_calls_total{operation="fetch_instrument",status="404"} 1.0' in text


def test_calls_are_timed() -> None:
    metrics = Metrics()
    metrics.call("fetch_instrument", 200, 0.003)
    text = generate_latest(metrics.registry).decode()
    assert 'tokenvault_call_seconds_bucket{le="0.0025",operation="fetch_instrument"} 0.0' in text
    assert 'tokenvault_call_seconds_bucket{le="0.005",operation="fetch_instrument"} 1.0' in text


def test_calls_from_exhausted_addresses_are_counted_once_more() -> None:
    metrics = Metrics()
    for expected in (b" 2.0", b" 4.0"):
        for _ in range(2):
            metrics.call("unrouted", 429, 0.001)
            metrics.rate_limited("address")
        assert b'tokenvault_rate_limited_calls_total{scope="address"}' + expected in generate_latest(metrics.registry)


def test_two_registries_do_not_share_counters() -> None:
    one, other = Metrics(), Metrics()
    one.call("fetch_instrument", 200, 0.001)
    assert b'status="200"' not in generate_latest(other.registry)


def test_a_scrape_counts_no_call_twice() -> None:
    metrics = Metrics()
    for expected in (b" 1.0", b" 2.0"):
        metrics.call("fetch_instrument", 200, 0.001)
        assert b'tokenvault_calls_total{operation="fetch_instrument",status="200"}' + expected in generate_latest(
            metrics.registry
        )


async def test_calls_reach_prometheus_without_a_scrape() -> None:
    metrics = Metrics(flush_seconds=0)
    metrics.call("fetch_instrument", 200, 100.0)
    before = [metric.samples for metric in metrics.calls.collect()]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [metric.samples for metric in metrics.calls.collect()] != before


WORKER = """
import asyncio
from tokenvault_server.telemetry.metrics import Metrics, open_circuits

async def main():
    metrics = Metrics()
    metrics.call("fetch_instrument", 200, 0.003)
    metrics.flush()

asyncio.run(main())
"""


def test_a_parent_collects_what_its_worker_processes_counted(tmp_path: Path) -> None:
    for _ in range(2):
        environ = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
        subprocess.run([sys.executable, "-c", WORKER], env=environ, check=True, timeout=60)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(tmp_path))  # type: ignore[no-untyped-call]
    text = generate_latest(registry).decode()
    assert 'tokenvault_calls_total{operation="fetch_instrument",status="200"} 2.0' in text
    assert 'tokenvault_call_seconds_bucket{le="0.005",operation="fetch_instrument"} 2.0' in text


def test_open_circuits_are_listed_by_name() -> None:
    metrics = Metrics()
    for name, state in (("local.provision", "open"), ("local.get", "closed"), ("local.cryptogram", "half_open")):
        metrics.circuit(name, state)
    assert open_circuits(metrics.registry) == ["local.cryptogram", "local.provision"]
    metrics.circuit("local.provision", "closed")
    assert open_circuits(metrics.registry) == ["local.cryptogram"]
