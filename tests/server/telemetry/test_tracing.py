"""When a process traces, what it says of itself in its spans, and which ids it makes."""

from __future__ import annotations

import random
import sys

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tokenvault_server.bootstrap import start_tracing
from tokenvault_server.domain.card_numbers import holds_card_number
from tokenvault_server.errors import SettingsError
from tokenvault_server.settings import Settings
from tokenvault_server.telemetry.tracing import Tracing, may_be_card


def resource() -> dict[str, object]:
    exporter = InMemorySpanExporter()
    tracing = Tracing(exporter, "1.2.3")
    with tracing.call("GET", {}, {}):
        pass
    tracing.flush()
    tracing.shut_down()
    (span,) = exporter.get_finished_spans()
    return dict(span.resource.attributes)


def test_a_process_has_the_name_of_the_service_its_version_and_an_id() -> None:
    found = resource()
    assert (found["service.name"], found["service.version"]) == ("tokenvault", "1.2.3")
    assert found["service.instance.id"]


def test_the_variables_of_opentelemetry_name_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=cards,service.instance.id=one,deployment=blue")
    found = resource()
    assert (found["service.name"], found["service.instance.id"], found["deployment"]) == ("cards", "one", "blue")


def test_the_sampler_of_the_variables_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    exporter = InMemorySpanExporter()
    tracing = Tracing(exporter, "1.2.3")
    with tracing.call("GET", {}, {}), tracing.child("COMMIT", {}):
        pass
    tracing.flush()
    tracing.shut_down()
    assert exporter.get_finished_spans() == ()


def test_the_quick_look_at_an_id_misses_no_card_number() -> None:
    draw = random.Random(1)
    ids = ["".join(draw.choices("0123456789a", k=32)) for _ in range(3_000)]
    cards = [each for each in ids if holds_card_number(each)]
    assert len(cards) > 30
    assert [each for each in cards if not may_be_card(each)] == []
    assert may_be_card("a" * 8 + "4706a1312a1121a2123" + "b" * 5)


def test_an_id_that_looks_like_a_uuid_can_be_a_card_number() -> None:
    number = "5200828282824219"  # its 13th digit is that of a UUID of version 4, and `a` follows the 16th
    assert not holds_card_number(f"{number:a<32}")
    assert may_be_card(f"{number:a<32}")
    assert may_be_card(f"00-{number:a<32}-00f067aa0ba902b7-01")


def test_without_the_setting_no_process_traces() -> None:
    assert start_tracing(Settings()) is None


def test_tracing_without_its_libraries_stops_the_start_and_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    # As if it were not installed.
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(SettingsError) as caught:
        start_tracing(Settings(tracing=True))
    assert caught.value.hint == "pip install 'tokenvault-server[otel]'"


def test_a_variable_that_opentelemetry_rejects_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    with pytest.raises(SettingsError, match="OpenTelemetry rejects an OTEL_ variable"):
        start_tracing(Settings(tracing=True))
