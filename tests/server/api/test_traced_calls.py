"""Traces of real calls: which spans there are, whose trace they are in, and that they hold no id and no message."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from tests.server.api.calls import INSTRUMENTS, LATEST, changed
from tests.support.builders import VISA, sql
from tests.support.clock import SettableClock
from tests.support.databases import KINDS, POSTGRESQL, SQLITE, SQLITE_ALONE
from tests.support.receiver import AWAY, another_sender, deliver, receiving
from tokenvault_server import __version__
from tokenvault_server.api.tracing import TracedApp
from tokenvault_server.bootstrap import Api, Vault, open_vault
from tokenvault_server.settings import Settings
from tokenvault_server.telemetry.logs import JsonHandler
from tokenvault_server.telemetry.metrics import Metrics
from tokenvault_server.telemetry.tracing import TracedAccessLog, Tracing, log_trace_ids
from tokenvault_server.vault.merchants import NewMerchant
from tokenvault_server.webhooks.addresses import AddressPolicy
from tokenvault_server.webhooks.sending import ThreadedResolver
from tokenvault_server.webhooks.tracing import TracedConnector

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
ROUTE = "/pg/customers/{customer_id}/instruments"
MALFORMED = (
    "",
    "hello",
    f"00-{TRACE}-{PARENT}",
    f"00-{TRACE.upper()}-{PARENT}-01",
    f"00-{'0' * 32}-{PARENT}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"ff-{TRACE}-{PARENT}-01",
    f"00-{TRACE}-{PARENT}-01-more",
    f"00-{TRACE}-{PARENT}-\xe9\xe9",
    "0" * 100_000,
    [f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-01"],
)
SECRET_STATES = (f"a={VISA}", "a=tvsk_a-secret", "a=" + "1" * 600, "=", "\xe9=1")


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def store_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Iterator[Tracing]:
    tracing = Tracing(exporter, __version__)
    yield tracing
    tracing.shut_down()


@pytest.fixture
async def traced(vault: Vault, settings: Settings, tracing: Tracing, clock: SettableClock) -> AsyncIterator[Vault]:
    """The vault, opened once more with tracing."""
    opened = await open_vault(settings, clock, kinds=KINDS, tracing=tracing)
    yield opened
    await opened.close()


class Shop:
    """A merchant that calls a traced application."""

    def __init__(self, app: TracedApp, merchant: NewMerchant, spans: Callable[[], list[ReadableSpan]]) -> None:
        self.app = app
        self.merchant_id = merchant.merchant.merchant_id
        self.spans = spans
        self.headers = {
            "host": "tokenvault",
            "x-api-version": LATEST,
            "x-client-id": merchant.merchant.client_id,
            "x-client-secret": merchant.client_secret.reveal(),
        }

    async def call(
        self, method: str = "GET", path: str = INSTRUMENTS, *, body: bytes = b"", **headers: Any
    ) -> tuple[int, Any]:
        """Make a call; underscores in the names of headers are hyphens, and a list sends one several times."""
        sent = [(name, value) for name, value in self.headers.items() if name.replace("-", "_") not in headers]
        for name, value in headers.items():
            sent += [(name.replace("_", "-"), each) for each in ([value] if isinstance(value, str) else value)]
        scope = {
            "type": "http",
            "method": method,
            "scheme": "https",
            "server": ("127.0.0.1", 8480),
            "raw_path": path.encode(),
            "query_string": b"instrument_type=card",
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in sent],
            "client": ("192.0.2.1", 4711),
        }
        messages: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            messages.append(message)

        await self.app(scope, receive, send)
        return messages[0]["status"], json.loads(messages[1]["body"] or b"null")

    async def save(self, **headers: Any) -> str:
        """Save a card and return its path."""
        status, saved = await self.call("POST", body=changed(), **headers)
        assert status == 201, saved
        return f"{INSTRUMENTS}/{saved['instrument_id']}"

    async def server_span(self, method: str = "GET", path: str = INSTRUMENTS, **headers: Any) -> Span:
        """Make a call and return the span of it alone."""
        self.spans()
        await self.call(method, path, **headers)
        (span,) = (Span(each) for each in self.spans() if each.kind is SpanKind.SERVER)
        return span


class Span:
    """A span as tests read it."""

    def __init__(self, span: ReadableSpan) -> None:
        self.name = span.name
        self.attributes: dict[str, object] = dict(span.attributes or {})
        self.failed = span.status.status_code is StatusCode.ERROR
        self.trace = format_trace_id(span.context.trace_id) if span.context else ""
        self.span = format_span_id(span.context.span_id) if span.context else ""
        self.parent = format_span_id(span.parent.span_id) if span.parent else ""
        self.state = dict(span.context.trace_state) if span.context else {}


@pytest.fixture
def stream() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture
def access_log(stream: io.BytesIO) -> TracedAccessLog:
    return TracedAccessLog(stream)


@pytest.fixture
async def shop(
    traced: Vault, tracing: Tracing, exporter: InMemorySpanExporter, clock: SettableClock, access_log: TracedAccessLog
) -> AsyncIterator[Shop]:
    api = Api(traced.settings, traced)
    app = TracedApp(api, access_log, Metrics(), clock, tracing=tracing)
    await app.open()

    def ended() -> list[ReadableSpan]:
        tracing.flush()
        spans = list(exporter.get_finished_spans())
        exporter.clear()
        return spans

    yield Shop(app, await traced.merchants.add("Shop", "tests"), ended)
    await api.stop()


async def test_a_call_is_one_trace_from_its_caller_to_the_commit(shop: Shop, store_kind: str) -> None:
    card = await shop.save(traceparent=TRACEPARENT)
    spans = shop.spans()
    (server,) = (span for span in spans if span.kind is SpanKind.SERVER)
    assert Span(server).name == f"POST {ROUTE}"
    assert Span(server).attributes | {"tokenvault.request_id": ""} == {
        "http.request.method": "POST",
        "http.route": ROUTE,
        "http.response.status_code": 201,
        "url.scheme": "https",
        "server.address": "127.0.0.1",
        "server.port": 8480,
        "tokenvault.operation": "enrol_instrument",
        "tokenvault.request_id": "",
    }
    assert {Span(span).trace for span in spans} == {TRACE}
    assert Span(server).parent == PARENT
    (tsp,) = (span for span in spans if span.name == "tsp provision")
    assert Span(tsp).attributes == {"tokenvault.tsp_id": "local", "tokenvault.tsp_verb": "provision"}
    system = "sqlite" if store_kind == SQLITE else "postgresql"
    commits = [span for span in spans if span.name == "COMMIT"]
    assert {Span(each).attributes["db.system.name"] for each in commits} == {system}
    by_store = {str(Span(each).attributes["tokenvault.store"]): Span(each).parent for each in commits}
    assert by_store == {"vault": Span(server).span, "local": Span(tsp).span}
    await shop.call("GET", f"{card}/cryptogram")
    assert "tsp cryptogram" in {span.name for span in shop.spans()}


async def test_the_first_use_of_a_key_is_a_span(shop: Shop, traced: Vault) -> None:
    await shop.save()
    traced.keyring.clear()
    shop.spans()
    await shop.call("GET")
    (unwrap, *_) = (span for span in shop.spans() if span.name == "key_provider unwrap")
    assert Span(unwrap).attributes == {"tokenvault.key_provider": "file"}


async def test_background_tasks_make_no_spans(shop: Shop, traced: Vault) -> None:
    shop.spans()
    await traced.inbox("local").pull()
    await traced.outbox_tasks.run_due()
    await traced.check()
    assert shop.spans() == []


@SQLITE_ALONE
class TestContexts:
    async def test_a_malformed_context_is_ignored_and_the_call_begins_a_trace(self, shop: Shop) -> None:
        for traceparent in MALFORMED:
            span = await shop.server_span(traceparent=traceparent)
            assert span.attributes["http.response.status_code"] == 200
            assert (span.parent, span.trace == TRACE) == ("", False), traceparent

    async def test_a_newer_version_of_the_context_is_read_as_far_as_it_is_known(self, shop: Shop) -> None:
        assert (await shop.server_span(traceparent=f"01-{TRACE}-{PARENT}-01-more")).parent == PARENT

    async def test_the_state_of_the_callers_vendor_stays_with_the_trace(self, shop: Shop) -> None:
        span = await shop.server_span(traceparent=TRACEPARENT, tracestate=["a=1", "b=2"])
        assert span.state == {"a": "1", "b": "2"}

    async def test_a_state_that_is_malformed_or_secret_is_dropped_alone(self, shop: Shop) -> None:
        for state in SECRET_STATES:
            span = await shop.server_span(traceparent=TRACEPARENT, tracestate=state)
            assert (span.parent, span.state) == (PARENT, {}), state

    async def test_a_card_number_as_the_id_of_a_trace_begins_another_trace(self, shop: Shop) -> None:
        for number in (VISA, "5200828282824219"):  # the second looks like a UUID, which other checks pass over
            span = await shop.server_span(traceparent=f"00-{number:a<32}-{PARENT}-01")
            assert (span.parent, number in span.trace) == ("", False)

    async def test_baggage_becomes_no_attribute(self, shop: Shop) -> None:
        span = await shop.server_span(traceparent=TRACEPARENT, baggage="customer=customer-1")
        assert "customer-1" not in str(span.attributes)

    async def test_a_caller_that_does_not_sample_gets_no_spans(self, shop: Shop) -> None:
        shop.spans()
        assert (await shop.call("GET", traceparent=f"00-{TRACE}-{PARENT}-00"))[0] == 200
        assert shop.spans() == []


@SQLITE_ALONE
class TestFailures:
    async def test_a_callers_mistake_has_its_code_and_does_not_fail_the_span(self, shop: Shop) -> None:
        span = await shop.server_span(path=f"{INSTRUMENTS}/unknown")
        assert span.attributes["error.type"] == "instrument_not_found"
        assert not span.failed

    async def test_a_call_of_no_route_has_no_route(self, shop: Shop) -> None:
        span = await shop.server_span(method="BREW", path=f"/pg/{VISA}")
        assert (span.name, span.attributes["tokenvault.operation"]) == ("_OTHER", "unrouted")
        assert "http.route" not in span.attributes

    async def test_a_failure_of_the_database_says_its_type_and_no_message(self, shop: Shop, traced: Vault) -> None:
        await sql(traced.engine, "ALTER TABLE instruments RENAME TO hidden")
        status, _ = await shop.call("GET")
        (span,) = (Span(each) for each in shop.spans() if each.kind is SpanKind.SERVER)
        assert (status, span.failed) == (500, True)
        assert "hidden" not in str(span.attributes)

    async def test_no_span_has_events(self, shop: Shop, traced: Vault) -> None:
        await sql(traced.tsp_engine, "ALTER TABLE requestors RENAME TO hidden")
        status, _ = await shop.call("POST", body=changed())
        spans = shop.spans()
        (tsp,) = (Span(each) for each in spans if each.name == "tsp provision")
        assert (status, tsp.failed) == (502, True)
        assert "Error" in str(tsp.attributes["error.type"])
        assert [each.events for each in spans if each.events] == []
        assert [each.status.description for each in spans if each.status.description] == []

    async def test_a_connection_that_breaks_ends_the_span(self, shop: Shop) -> None:
        scope: dict[str, Any] = {"type": "http", "method": "GET", "scheme": "http", "server": None, "client": None}

        async def broken(*_: object) -> Any:
            raise ConnectionResetError(VISA)

        await shop.app(scope | {"raw_path": b"/", "query_string": b"", "headers": []}, broken, broken)
        (span,) = map(Span, shop.spans())
        assert (span.failed, span.attributes["error.type"]) == (True, "ConnectionResetError")
        assert VISA not in str(span.attributes)


async def test_each_attempt_of_a_webhook_is_a_trace_that_its_receiver_can_join(
    shop: Shop, traced: Vault, tracing: Tracing
) -> None:
    connector = TracedConnector(
        AddressPolicy(("127.0.0.0/8",), allows_http=True),
        ThreadedResolver(1),
        deadline_seconds=5,
        ca="",
        tracing=tracing,
    )
    async with receiving(AWAY) as receiver:
        await traced.webhooks.add(shop.merchant_id, receiver.url, "tests")
        await shop.save(traceparent=TRACEPARENT)
        shop.spans()
        await deliver(another_sender(traced, connector))
        connector.close()
    (attempt,) = (Span(each) for each in shop.spans() if each.kind is SpanKind.CLIENT and each.name == "POST")
    assert attempt.attributes == {
        "http.request.method": "POST",
        "http.request.resend_count": 0,
        "http.response.status_code": 503,
        "url.scheme": "http",
        "server.address": "127.0.0.1",
        "server.port": receiver.port,
        "error.type": "refused",
    }
    assert (attempt.parent, attempt.trace == TRACE) == ("", False)
    (received,) = receiver.received
    assert received.headers["traceparent"] == f"00-{attempt.trace}-{attempt.span}-01"


@SQLITE_ALONE
async def test_log_lines_name_the_trace_of_their_call(
    shop: Shop, stream: io.BytesIO, access_log: TracedAccessLog, traced: Vault
) -> None:
    text = io.StringIO()
    handler = JsonHandler(text)
    logging.getLogger().addHandler(handler)
    stop = log_trace_ids()
    try:
        await sql(traced.engine, "ALTER TABLE instruments RENAME TO hidden")
        await shop.call("GET", traceparent=TRACEPARENT)
        access_log.flush()
        logging.getLogger("tests").warning("outside of any call")
    finally:
        stop()
        logging.getLogger().removeHandler(handler)
    (server,) = (Span(each) for each in shop.spans() if each.kind is SpanKind.SERVER)
    failure, outside = (json.loads(line) for line in text.getvalue().splitlines())
    call = json.loads(stream.getvalue())
    ids = {"trace_id": TRACE, "span_id": server.span}
    assert (failure.items() >= ids.items(), call.items() >= ids.items()) == (True, True)
    assert "trace_id" not in outside
