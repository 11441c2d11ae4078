"""Webhook receivers: real HTTP servers that answer as a test tells them to."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.support.builders import sql
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.vault.deliveries import Deliveries, DeliveryLimits
from tokenvault_server.webhooks.addresses import AddressPolicy
from tokenvault_server.webhooks.schedule import Schedule, schedule_of
from tokenvault_server.webhooks.sending import Connector, ThreadedResolver

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
AWAY = b"HTTP/1.1 503 Away\r\ncontent-length: 0\r\n\r\n"
HANGS_UP = b""
SILENT = None


@dataclass
class ReceivedAttempt:
    """One attempt as it arrived."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def instrument_id(self) -> str:
        body: Any = json.loads(self.body)
        return str(body["data"]["instrument"]["instrument_id"])


@dataclass
class Receiver:
    """Receives attempts and answers each with `answer`: bytes, empty bytes (it closes), or None (it never answers)."""

    answer: bytes | None = OK
    received: list[ReceivedAttempt] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    port: int = 0
    choose: Callable[[ReceivedAttempt], bytes | None] | None = None
    """Chooses the answer by the attempt, instead of `answer`."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """Set with the first attempt."""
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?a=1"

    def attempts_by_event(self) -> Counter[str]:
        return Counter(each.headers["x-idempotency-key"] for each in self.received)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self.serve(reader, writer))
        self.serving.add(task)
        task.add_done_callback(self.serving.discard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._answer_all(reader, writer)
        finally:
            writer.transport.abort()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while received := await _read(reader):
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                self.received.append(received)
                self.arrived.set()
                answer = self.choose(received) if self.choose else self.answer
                try:
                    if answer is None:
                        await reader.read()  # until the other side gives up
                    if not answer:
                        break
                    writer.write(answer)
                    await writer.drain()
                finally:
                    self.at_once -= 1


async def _read(reader: asyncio.StreamReader) -> ReceivedAttempt | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    body = await reader.readexactly(int(headers["content-length"]))
    return ReceivedAttempt(first.split(" ")[1], headers, body)


@asynccontextmanager
async def receiving(answer: bytes | None = OK, trust: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Run a receiver on loopback until the block ends."""
    receiver = Receiver(answer)
    server = await asyncio.start_server(receiver.accept, "127.0.0.1", 0, ssl=trust, backlog=2048)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(receiver.serving):
            task.cancel()
        await asyncio.gather(*receiver.serving, return_exceptions=True)


def a_connector(*, seconds: float = 5, networks: tuple[str, ...] = ("127.0.0.0/8",), ca: str = "") -> Connector:
    """Return a connector that may connect to loopback."""
    return Connector(AddressPolicy(networks, allows_http=True), ThreadedResolver(4), deadline_seconds=seconds, ca=ca)


def another_sender(
    vault: Vault,
    connector: Connector | None = None,
    *,
    schedule: Schedule | None = None,
    limits: DeliveryLimits | None = None,
    engine: Engine | None = None,
) -> Deliveries:
    """Return the deliveries of another server on the vault's database."""
    return Deliveries(
        engine or vault.engine,
        vault.sealer,
        vault.row_tags,
        connector or a_connector(),
        schedule or schedule_of(),
        vault.clock,
        vault.background_metrics,
        limits or DeliveryLimits(),
    )


async def add_endpoint(vault: Vault, caller: Caller, receiver: Receiver) -> str:
    """Add a receiver as an endpoint of a merchant; return the endpoint's id."""
    return (await vault.webhooks.add(caller.merchant_id, receiver.url, "tests")).endpoint_id


async def deliver(deliveries: Deliveries) -> int:
    """Send what is due and wait until the batches have ended; return how many there were."""
    started = await deliveries.start_due()
    await deliveries.finish()
    return started


async def states(vault: Vault, merchant_id: MerchantId) -> list[tuple[str, int, str]]:
    """Return the state, the number of attempts and the last outcome of every delivery, by number."""
    rows = await sql(
        vault.engine,
        "SELECT state, attempt_count, outcome FROM webhook_deliveries WHERE merchant_id = :merchant_id ORDER BY number",
        merchant_id=merchant_id,
    )
    return [(row[0], row[1], row[2]) for row in rows]
