"""Traces of whole servers: each process sends its own, at the latest when it stops. A dead receiver costs nothing."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from time import monotonic

import pytest

from tests.support import emulator_process, served_process
from tests.support.commands import run_json
from tests.support.emulator_process import STOP_SECONDS, enrolment, instruments
from tests.support.log_lines import lines_of
from tests.support.otlp_receiver import CLIENT, SERVER, receiving
from tests.support.webhook_listener import listening

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLS = 200
"""More than the batch that the exporter tries to send, and the queue behind it."""


def test_workers_and_parent_send_their_spans_when_they_stop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    monkeypatch.setenv("TOKENVAULT_WEBHOOK_HTTP", "true")
    monkeypatch.setenv("TOKENVAULT_WEBHOOK_NETWORKS", "127.0.0.0/8")
    with receiving() as receiver, listening() as listener:
        for name, value in receiver.variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")  # nothing leaves before the end
        monkeypatch.setenv("OTEL_SERVICE_NAME", "card-vault")
        with served_process.served(tmp_path / "vault", log, level="info") as running:
            config = str(tmp_path / "vault" / "tokenvault.toml")
            run_json("webhooks", "endpoints", "add", running.partner_merchant_id, listener.url, "--config", config)
            with running.connection() as connection:
                context = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
                assert connection.ask("POST", instruments("asha"), enrolment(), headers=context).status == 201
            attempt = listener.next()
            assert receiver.spans == []
        (call,) = receiver.found(lambda span: span.kind == SERVER)
        (sent,) = receiver.found(lambda span: span.kind == CLIENT and span.name == "POST")
    assert (call.trace_id, call.resource["service.name"]) == (TRACE, "card-vault")
    assert call.resource["service.instance.id"] != sent.resource["service.instance.id"]
    assert attempt.headers["traceparent"] == f"00-{sent.trace_id}-{sent.span_id}-01"
    (line,) = (line for line in lines_of(log) if line["event"] == "call")
    assert (line["trace_id"], line["span_id"]) == (call.trace_id, call.span_id)


def test_a_receiver_that_never_answers_delays_neither_calls_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "64")
        monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "32")
        options = ("--tracing", "--no-rate-limits")
        with emulator_process.started(*options, log=tmp_path / "log") as (running, process):
            with running.connection() as connection:
                slowest = 0.0
                for _ in range(CALLS):
                    began = monotonic()
                    assert connection.ask("GET", instruments("asha") + "?instrument_type=card").status == 200
                    slowest = max(slowest, monotonic() - began)
            began = monotonic()
            process.terminate()
            assert process.wait(STOP_SECONDS) == 0
            took = monotonic() - began
    assert slowest < 2, "a call waited for the exporter, whose timeout is 10 s"
    assert took < 8, "the end waited for the exporter, whose timeout is 10 s"
    assert "Queue full, dropping Span." in {line["event"] for line in lines_of(tmp_path / "log")}


def test_without_the_setting_no_part_of_opentelemetry_is_loaded() -> None:
    program = """
import sys, tokenvault_server.cli.emulator, tokenvault_server.cli.serve, tokenvault_server.serving.supervisor
import tokenvault_server.serving.worker, tokenvault_server.emulator.auth_diagnosis
from tokenvault_server.api.asgi import AsgiApp
from tokenvault_server.bootstrap import Api, build_app
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.settings import Settings
from tokenvault_server.telemetry.metrics import Metrics

settings = Settings()
app = build_app(settings, Metrics(), Api(settings, None), SystemClock())
assert type(app) is AsgiApp
print([name for name in sys.modules if name.partition(".")[0] in ("opentelemetry", "requests", "google")])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
