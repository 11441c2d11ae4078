"""The ASGI application: a scope becomes a request, bodies are bounded, and the server's lifespan opens the vault."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from prometheus_client import generate_latest

from tests.server.api.calls import INSTRUMENTS, LATEST, Client, changed
from tests.support.clock import SettableClock
from tokenvault_server.api.asgi import AsgiApp, BodyLimits
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.bootstrap import Api, Vault
from tokenvault_server.errors import StoreError
from tokenvault_server.telemetry.access_log import AccessLog
from tokenvault_server.telemetry.metrics import Metrics

Message = dict[str, Any]
MAX_BODY = BodyLimits().max_bytes


class Server:
    """The smallest ASGI server: hands one scope and its messages in, and keeps what comes out."""

    def __init__(self, app: AsgiApp) -> None:
        self.app = app
        self.sent: list[Message] = []

    async def run(self, scope: Message, *messages: Message) -> list[Message]:
        waiting = list(messages)

        async def receive() -> Message:
            return waiting.pop(0)

        async def send(message: Any) -> None:
            self.sent.append(dict(message))

        self.sent = []
        await self.app(scope, receive, send)
        return self.sent

    async def call(
        self,
        method: str,
        client: Client,
        *body: bytes,
        path: str = INSTRUMENTS,
        peer: tuple[str, int] | None = ("192.0.2.1", 4711),
    ) -> tuple[int, Any]:
        headers = {"host": "tokenvault", "x-api-version": LATEST, **client.credentials}
        scope = {
            "type": "http",
            "method": method,
            "raw_path": path.encode(),
            "query_string": b"instrument_type=card",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": peer,
        }
        parts = [
            {"type": "http.request", "body": part, "more_body": number < len(body)}
            for number, part in enumerate(body, 1)
        ]
        start, answer = await self.run(scope, *(parts or [{"type": "http.request"}]))
        assert dict(start["headers"])[b"content-length"] == str(len(answer["body"])).encode()
        return start["status"], json.loads(answer["body"])


@pytest.fixture
def stream() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
async def server(vault: Vault, stream: io.BytesIO, metrics: Metrics, clock: SettableClock) -> AsyncIterator[Server]:
    api = Api(vault.settings, vault)
    yield Server(AsgiApp(api, AccessLog(stream), metrics, clock))
    await api.stop()


async def test_a_call_goes_in_and_its_answer_comes_out(server: Server, client: Client) -> None:
    assert await server.call("GET", client) == (200, [])


async def test_a_body_may_come_in_parts(server: Server, client: Client) -> None:
    body = changed()
    status, _ = await server.call("POST", client, body[:10], b"", body[10:])
    assert status == 201


async def test_the_largest_body_is_read(server: Server, client: Client) -> None:
    status, answer = await server.call("POST", client, changed().ljust(MAX_BODY))
    assert status == 201, answer


@pytest.mark.parametrize("parts", [(MAX_BODY + 1,), (MAX_BODY, 1), (1000,) * 17], ids=["at once", "by one", "in parts"])
async def test_a_larger_body_is_refused(server: Server, client: Client, parts: tuple[int, ...]) -> None:
    status, answer = await server.call("POST", client, *(b" " * part for part in parts))
    assert (status, answer["code"]) == (413, "request_too_large")


async def test_a_body_that_never_ends_is_read_no_further_than_its_bound(server: Server, client: Client) -> None:
    parts = [b" " * 10_000] * 1000
    status, _ = await server.call("POST", client, *parts)
    assert status == 413


async def test_a_sender_who_goes_away_in_the_middle_saves_nothing(server: Server, client: Client) -> None:
    scope = {
        "type": "http",
        "method": "POST",
        "raw_path": INSTRUMENTS.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in client.credentials.items()],
        "client": None,
    }
    part = {"type": "http.request", "body": changed()[:20], "more_body": True}
    await server.run(scope, part, {"type": "http.disconnect"})
    assert await server.call("GET", client) == (200, [])


async def test_the_body_of_a_read_is_not_looked_at(server: Server, client: Client) -> None:
    status, _ = await server.call("GET", client, b" " * (MAX_BODY + 1))
    assert status == 200


async def test_a_server_that_knows_no_address_is_served(server: Server, client: Client) -> None:
    assert (await server.call("GET", client, peer=None))[0] == 200


async def test_other_connections_are_left_alone(server: Server) -> None:
    assert await server.run({"type": "websocket"}) == []


async def test_each_call_has_its_line(server: Server, client: Client, stream: io.BytesIO) -> None:
    path = await client.save()
    await server.call("GET", client, path=path)
    await asyncio.sleep(0)
    line = json.loads(stream.getvalue())
    assert (line["operation"], line["status"], line["origin"]) == ("fetch_instrument", 200, "192.0.2.1")
    assert (line["customer_id"], line["instrument_id"]) == ("customer-1", path.rpartition("/")[2])
    assert line["merchant_id"] == client.merchant.merchant.merchant_id


async def test_the_line_of_a_refused_call_has_its_code_and_no_merchant(
    server: Server, client: Client, stream: io.BytesIO
) -> None:
    client.credentials["x-client-secret"] = "wrong"
    await server.call("GET", client)
    await asyncio.sleep(0)
    line = json.loads(stream.getvalue())
    assert (line["status"], line["code"], line.get("merchant_id", "")) == (401, "request_failed", "")
    assert "wrong" not in stream.getvalue().decode()


async def test_a_card_number_in_a_path_is_in_no_line(server: Server, client: Client, stream: io.BytesIO) -> None:
    status, _ = await server.call("GET", client, path="/pg/customers/4706131211212123/instruments")
    await asyncio.sleep(0)
    assert status == 400
    assert b"4706131211212123" not in stream.getvalue()


async def test_calls_are_counted(server: Server, client: Client, metrics: Metrics) -> None:
    await server.call("GET", client)
    await server.call("GET", client, path="/nowhere")
    text = generate_latest(metrics.registry).decode()
    assert 'tokenvault_calls_total{operation="fetch_instruments",status="200"} 1.0' in text
    assert 'tokenvault_calls_total{operation="unrouted",status="404"} 1.0' in text


class Lifespan:
    """Counts how often it is opened and closed, and fails if it has an error."""

    def __init__(self, pipeline: Pipeline, error: Exception | None = None) -> None:
        self._pipeline = pipeline
        self._error = error
        self.events: list[str] = []

    async def start(self) -> Pipeline:
        self.events.append("start")
        await asyncio.sleep(0)
        if self._error:
            raise self._error
        return self._pipeline

    async def stop(self) -> None:
        self.events.append("stop")


def app_of(lifespan: Lifespan, clock: SettableClock) -> AsgiApp:
    return AsgiApp(lifespan, AccessLog(None), Metrics(), clock)


async def test_the_servers_lifespan_opens_and_closes_ours(pipeline: Pipeline, clock: SettableClock) -> None:
    lifespan = Lifespan(pipeline)
    sent = await Server(app_of(lifespan, clock)).run(
        {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}
    )
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert lifespan.events == ["start", "stop"]


async def test_a_failed_start_is_reported_to_the_server_by_its_class(pipeline: Pipeline, clock: SettableClock) -> None:
    server = Server(app_of(Lifespan(pipeline, StoreError("the database is locked")), clock))
    with pytest.raises(StoreError):
        await server.run({"type": "lifespan"}, {"type": "lifespan.startup"})
    assert server.sent == [{"type": "lifespan.startup.failed", "message": "StoreError"}]


async def test_many_first_calls_open_once(client: Client, pipeline: Pipeline, clock: SettableClock) -> None:
    lifespan = Lifespan(pipeline)
    app = app_of(lifespan, clock)
    await asyncio.gather(*(Server(app).call("GET", client) for _ in range(5)))
    assert lifespan.events == ["start"]
