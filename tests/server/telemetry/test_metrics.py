"""Metrics count calls by operation and status, and time them; no id is ever a label."""

from __future__ import annotations

from prometheus_client import generate_latest

from tokenvault_server.telemetry.metrics import Metrics


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


def test_two_processes_parts_do_not_share_counters() -> None:
    one, other = Metrics(), Metrics()
    one.call("fetch_instrument", 200, 0.001)
    assert b'status="200"' not in generate_latest(other.registry)
