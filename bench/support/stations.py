"""The stations that a call passes on its way through the server, each as a function that can be timed by itself.

They are the server's own functions on the objects of an open vault, in the order of `Pipeline.walk`; a visit carries
from one to the next what the pipeline would have carried in its local names.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bench.support.seeding import SavedCard
from tokenvault_server.api import door as door_module
from tokenvault_server.api import handlers, idempotency, rate_limits, routes, versions
from tokenvault_server.api import pipeline as pipeline_module
from tokenvault_server.api.call import Call, Reply
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Engine, Rows, Unit, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import CustomerId, InstrumentId
from tokenvault_server.domain.instrument import Instrument
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.telemetry.access_log import AccessLine, AccessLog
from tokenvault_server.telemetry.metrics import Metrics
from tokenvault_server.tsp.guarded import GuardedTokenService
from tokenvault_server.tsp.local import cryptogram as codes
from tokenvault_server.tsp.local.cryptogram import Claims, Subject
from tokenvault_server.tsp.local.issuer import LocalTokenService
from tokenvault_server.tsp.local.tokens import TokenRow, TokenTable
from tokenvault_server.tsp.provider import Cryptogram, CryptogramContext
from tokenvault_server.vault.cryptograms import IssuedCryptogram
from tokenvault_server.vault.custody import InstrumentSecrets
from tokenvault_server.vault.instruments import SavedCard as Opened

T = TypeVar("T")
_ASKED = CryptogramContext()


@dataclass(slots=True)
class Visit:
    """One call, and what has become of it so far."""

    scope: MutableMapping[str, Any]
    call: Call = field(init=False)
    caller: Caller = field(init=False)
    instrument: Instrument = field(init=False)
    secrets: InstrumentSecrets = field(init=False)
    row: TokenRow = field(init=False)
    unit: Unit = field(init=False)
    issued: IssuedCryptogram = field(init=False)
    entity: Any = None
    reply: Reply = field(default_factory=lambda: Reply(200, b"{}"))

    @property
    def place(self) -> tuple[CustomerId, InstrumentId]:
        """The ids in its path."""
        customer_id, instrument_id = self.call.path
        return CustomerId(customer_id), InstrumentId(instrument_id)


def visit(card: SavedCard, suffix: str = "") -> Visit:
    """A call for a card, as a server hands it over."""
    path = card.path(suffix)
    return Visit(
        {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": card.headers(),
            "client": ("127.0.0.1", 1),
        }
    )


async def send(_message: object) -> None:
    """Take an answer without sending it anywhere."""


class Stations:
    """The stations of one open vault."""

    def __init__(self, vault: Vault, pipeline: Pipeline, access_log: AccessLog, metrics: Metrics) -> None:
        """Use the parts that serve calls."""
        self.vault = vault
        self.pipeline = pipeline
        self.access_log = access_log
        self.metrics = metrics
        self.bodies = Bodies()
        service = vault.token_service._parts  # noqa: SLF001  # the parts of a cryptogram have no other way in
        self._service = service
        self._prompt = Prompt(service)
        self._guarded = GuardedTokenService(self._prompt, vault.clock)
        self._tokens = TokenTable(TimedEngine(vault.tsp_engine, self.bodies))
        self._engine = TimedEngine(vault.engine, self.bodies)

    def make_call(self, visit: Visit) -> None:
        scope = visit.scope
        visit.call = Call(scope["method"], scope["raw_path"], scope["query_string"], scope["headers"], "127.0.0.1")

    def name(self, visit: Visit) -> None:
        call = visit.call
        call.idempotency_key = idempotency.key_of(call)
        call.request_id = pipeline_module.request_id(call)
        pipeline_module.check_host(call)

    def route(self, visit: Visit) -> None:
        call = visit.call
        call.operation, call.path = routes.resolve(call.method, call.raw_path)

    def version(self, visit: Visit) -> None:
        visit.call.version = versions.requested(visit.call)

    async def authenticate(self, visit: Visit) -> None:
        visit.call.caller = visit.caller = await self.pipeline.authenticate(visit.call)

    async def limit(self, visit: Visit) -> None:
        call = visit.call
        call.rate = await self.pipeline.limits.merchant(visit.caller.merchant_id, pipeline_module.routed(call))
        rate_limits.check(call.rate)

    async def act_once(self, visit: Visit) -> None:
        await self.pipeline.idempotency.once(visit.call, visit.caller, _nothing)

    async def arrive(self, visit: Visit) -> None:
        """All stations up to here."""
        for step in (self.make_call, self.name, self.route, self.version):
            step(visit)
        for waiting in (self.authenticate, self.limit, self.act_once):
            await waiting(visit)

    async def load(self, visit: Visit) -> None:
        visit.instrument = await self.vault.instruments.load(visit.caller, *visit.place)

    async def open(self, visit: Visit) -> None:
        visit.secrets = await self.vault.custody.open_instrument(visit.instrument)

    def make_entity(self, visit: Visit) -> None:
        visit.entity = handlers.instrument_entity(Opened(visit.instrument, visit.secrets))

    def render(self, visit: Visit) -> None:
        call = visit.call
        visit.reply = pipeline_module.render(call, pipeline_module.routed(call), visit.entity)

    def head(self, visit: Visit) -> None:
        assert visit.call.rate
        visit.reply.headers += self.pipeline.common_headers.of(visit.call, visit.call.rate)

    async def send(self, visit: Visit) -> None:
        await door_module._send(visit.reply, send)  # noqa: SLF001  # the door's last step, by itself

    def count(self, visit: Visit) -> None:
        self.metrics.call(pipeline_module.routed(visit.call).key, visit.reply.status, 0.000_1)

    def log(self, visit: Visit) -> None:
        call = visit.call
        customer_id, instrument_id = call.path
        self.access_log.write(
            AccessLine(
                at=self.vault.clock.now(),
                request_id=call.request_id,
                operation=pipeline_module.routed(call).key,
                status=visit.reply.status,
                micros=100,
                merchant_id=visit.caller.merchant_id,
                customer_id=customer_id,
                instrument_id=instrument_id,
                origin=call.origin,
                code=call.problem,
                version=call.version,
            )
        )

    async def leave(self, visit: Visit) -> None:
        """All stations from the headers on."""
        self.head(visit)
        await self.send(visit)
        self.count(visit)
        self.log(visit)

    async def spend(self, visit: Visit) -> None:
        row = await self._tokens.spend(visit.secrets.token_reference, None, self.vault.clock.now())
        assert row
        visit.row = row

    async def open_token(self, visit: Visit) -> None:
        assert visit.row.sealed
        await self._service.records.open(visit.row, visit.row.sealed)

    async def derive(self, visit: Visit) -> None:
        row, secrets = visit.row, visit.secrets
        key_index, master_key = await self._service.issuer_keys.newest(row.network)
        subject = Subject(secrets.token_pan, row.token_expiry.yymm, row.trid, visit.caller.merchant_id)
        claims = Claims(key_index, row.atc, os.urandom(4), 0, codes.issue_minute(self.vault.clock.now()))
        codes.encode(claims, codes.code(master_key, row.psn, subject, claims))

    async def guard(self, visit: Visit) -> None:
        self._prompt.ready = visit.issued.cryptogram
        await self._guarded.cryptogram("", _ASKED)

    async def issue(self, visit: Visit) -> None:
        visit.unit = Unit(self._engine)
        visit.issued = await self.vault.cryptograms.issue(visit.caller, visit.unit, *visit.place)

    async def release(self, visit: Visit) -> None:
        await visit.unit.commit()

    def make_cryptogram_entity(self, visit: Visit) -> None:
        visit.entity = handlers.cryptogram_entity(visit.issued)


class Bodies:
    """How long the bodies of transactions took, without the commits around them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, body: Callable[[], Work[T]]) -> Callable[[], Work[T]]:
        """The same body, its time added up. A body never waits, so that its time is the processor's."""

        def work() -> Work[T]:
            began = time.perf_counter()
            try:
                return (yield from body())
            finally:
                self.seconds += time.perf_counter() - began

        return work


@dataclass(frozen=True, slots=True)
class TimedEngine:
    """An engine that notes how long the bodies of its transactions take."""

    inner: Engine
    bodies: Bodies

    async def read(self, statement: Statement) -> Rows:
        return await self.inner.read(statement)

    async def commit_alone(self, body: Callable[[], Work[T]]) -> T:
        return await self.commit(body)

    async def commit(self, body: Callable[[], Work[T]]) -> T:
        return await self.inner.commit(self.bodies.timed(body))

    async def close(self) -> None:
        await self.inner.close()


class Prompt(LocalTokenService):
    """A token service that has its answer ready."""

    ready: Cryptogram

    async def cryptogram(self, _token_reference: TokenReference, _context: CryptogramContext) -> Cryptogram:
        return self.ready


async def _nothing(_call: Call, _caller: Caller, _unit: Unit) -> Reply:
    return Reply(200, b"{}")
