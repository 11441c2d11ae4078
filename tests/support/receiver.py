"""Endpoints that notifications are posted to: real servers, with every habit that a receiver can have."""

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
class Heard:
    """One notification as it arrived."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def instrument_id(self) -> str:
        body: Any = json.loads(self.body)
        return str(body["data"]["instrument"]["instrument_id"])


@dataclass
class Receiver:
    """Hears notifications and answers each with `answer`: bytes, nothing (it hangs up), or None (it never does)."""

    answer: bytes | None = OK
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    at_once: int = 0
    most_at_once: int = 0
    port: int = 0
    choose: Callable[[Heard], bytes | None] | None = None
    """Answers by what was heard, instead of `answer`."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """Set as soon as anything was heard."""
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?a=1"

    def times_heard(self) -> Counter[str]:
        return Counter(each.headers["x-idempotency-key"] for each in self.heard)

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
            while heard := await _read(reader):
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                self.heard.append(heard)
                self.arrived.set()
                answer = self.choose(heard) if self.choose else self.answer
                try:
                    if answer is None:
                        await reader.read()  # until the other side gives up
                    if not answer:
                        break
                    writer.write(answer)
                    await writer.drain()
                finally:
                    self.at_once -= 1


async def _read(reader: asyncio.StreamReader) -> Heard | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode().strip().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    body = await reader.readexactly(int(headers["content-length"]))
    return Heard(first.split(" ")[1], headers, body)


@asynccontextmanager
async def receiving(answer: bytes | None = OK, trust: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """Gives a receiver on loopback until the block ends."""
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


def a_poster(*, seconds: float = 5, networks: tuple[str, ...] = ("127.0.0.0/8",), ca: str = "") -> Connector:
    """A poster that may post to this machine."""
    return Connector(AddressPolicy(networks, allows_http=True), ThreadedResolver(4), deadline_seconds=seconds, ca=ca)


def a_worker(
    vault: Vault,
    connector: Connector | None = None,
    *,
    schedule: Schedule | None = None,
    limits: DeliveryLimits | None = None,
    engine: Engine | None = None,
) -> Deliveries:
    """A further worker on a vault's database, as another server would have one."""
    return Deliveries(
        engine or vault.engine,
        vault.sealer,
        connector or a_poster(),
        schedule or schedule_of(),
        vault.clock,
        vault.background_metrics,
        limits or DeliveryLimits(),
    )


async def notify(vault: Vault, caller: Caller, receiver: Receiver) -> str:
    """Has a merchant's notifications posted to a receiver; gives the endpoint's id."""
    return (await vault.webhooks.add(caller.merchant_id, receiver.url, "tests")).endpoint_id


async def deliver(deliveries: Deliveries) -> int:
    """Has a worker send what is due and waits until it has; gives how many endpoints had their turn."""
    begun = await deliveries.start_due()
    await deliveries.finish()
    return begun


async def states(vault: Vault, merchant_id: MerchantId) -> list[tuple[str, int, str]]:
    """Gives the state, the attempts and the last outcome of every delivery, in the order of the queue."""
    rows = await sql(
        vault.engine,
        "SELECT state, attempt_count, outcome FROM webhook_deliveries WHERE merchant_id = :merchant_id ORDER BY number",
        merchant_id=merchant_id,
    )
    return [(row[0], row[1], row[2]) for row in rows]
