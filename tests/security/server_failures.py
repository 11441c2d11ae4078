"""Failures of a server at each step of each call, and all that leaves the server because of them.

The seams of a vault (`faults`) and the connection to the caller fail, one call of one of them after the other.

`python -m tests.security.server_failures` reports to Sentry, which also records the frames that log, and prints the
events.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.security.faults import MISTAKES, Fault, FaultyApi, FaultyKek, FaultyKind, Mistake
from tests.server.api.calls import changed
from tests.support.builders import settings_in
from tests.support.clock import SettableClock
from tests.support.signatures import signature
from tokenvault_server.api.asgi import AsgiApp
from tokenvault_server.background import run_periodically
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.database.postgres.kind import PostgresKind
from tokenvault_server.domain.card import with_check_digit
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.keys.providers import provider_from
from tokenvault_server.telemetry.access_log import AccessLog
from tokenvault_server.telemetry.logs import log_errors_of
from tokenvault_server.telemetry.metrics import Metrics

T = TypeVar("T")

PAN: Final = with_check_digit("470613123454321")
HOLDER: Final = "Unforgettable Holder"
MAX_STEPS: Final = 60
LIST: Final = "/pg/customers/customer-1/instruments"
OTHERS: Final = "/pg/customers/customer-2/instruments"


@dataclass
class Escaped:
    """All that left the server."""

    records: list[logging.LogRecord] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """The statuses that callers got."""

    def clear(self) -> None:
        self.records, self.errors = [], []


class Collecting(logging.Handler):
    """Keeps every log record."""

    def __init__(self, escaped: Escaped) -> None:
        super().__init__()
        self._escaped = escaped

    def emit(self, record: logging.LogRecord) -> None:
        self._escaped.records.append(record)


class Server:
    """A server whose parts fail, called as its HTTP server calls it."""

    def __init__(self, vault: Vault, app: AsgiApp, fault: Fault, kek: FaultyKek, escaped: Escaped) -> None:
        self.vault, self.app, self.fault, self.kek, self.escaped = vault, app, fault, kek, escaped
        self.secrets: set[str] = {PAN, HOLDER}
        self.credentials: dict[str, str] = {}
        self.partner_key = ""
        self.signature = ""
        self.path = ""
        """The path of a saved card."""
        self.deletable = ""
        """The path of a saved card that may be deleted."""
        self.number = 0

    @property
    def key(self) -> str:
        """An idempotency key that was not used before."""
        self.number += 1
        return f"key-{self.number}"

    async def save(self, customer: str) -> str:
        """Save a card and return its path."""
        path = f"/pg/customers/{customer}/instruments"
        _, body = await self.call("POST", path, changed())
        return f"{path}/{json.loads(body)['instrument_id']}"

    async def call(self, method: str, path: str, body: bytes = b"", **headers: str | None) -> tuple[int, bytes]:
        """Make a call; return what arrived, or 0 when nothing did."""
        sent: dict[str, str | None] = {"host": "vault", "x-api-version": "2026-01-01", **self.credentials}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        answer: list[Any] = []

        async def receive() -> dict[str, Any]:
            self.fault.step(body)
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            self.fault.step(message)
            answer.append(message)

        scope = {
            "type": "http",
            "method": method,
            "raw_path": path.encode(),
            "query_string": b"instrument_type=card",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items() if value is not None],
            "client": ("192.0.2.1", 1),
        }
        try:
            await self.app(scope, receive, send)
        except BaseException as error:  # noqa: BLE001  # a cancelled call is one of them
            self.escaped.errors.append(error)
        status = answer[0]["status"] if answer else 0
        self.escaped.statuses.append(status)
        return status, b"".join(message.get("body", b"") for message in answer)


Act = Callable[[Server], Awaitable[object]]


async def save(server: Server) -> object:
    body = changed(card__card_number=PAN, card__card_holder_name=HOLDER)
    return await server.call("POST", OTHERS, body, x_idempotency_key=server.key)


async def save_with_bad_field(server: Server) -> object:
    return await server.call("POST", LIST, changed(card__card_number=PAN, card__card_expiry_mm=13))


async def save_without_json(server: Server) -> object:
    return await server.call("POST", LIST, changed(card__card_number=PAN)[:-1] + b"\xff\xfe")


async def fetch_all(server: Server) -> object:
    return await server.call("GET", LIST)


async def fetch(server: Server) -> object:
    return await server.call("GET", server.path)


async def cryptogram(server: Server) -> object:
    return await server.call("GET", server.path + "/cryptogram", x_idempotency_key=server.key)


async def cryptogram_by_partner(server: Server) -> object:
    path = server.path + "/cryptogram"
    return await server.call("GET", path, x_client_secret=None, x_partner_apikey=server.partner_key)


async def fetch_by_signature(server: Server) -> object:
    return await server.call("GET", server.path, x_client_secret=None, x_client_signature=server.signature)


async def sign_in_wrongly(server: Server) -> object:
    return await server.call("GET", server.path, x_client_secret=server.credentials["x-client-secret"] + "x")


async def delete(server: Server) -> object:
    return await server.call("DELETE", server.deletable, x_idempotency_key=server.key)


def background(act: Callable[[Vault], Awaitable[object]]) -> Act:
    """Return the run of a periodic task."""

    async def run(server: Server) -> None:
        done = asyncio.Event()

        async def once() -> None:
            try:
                await act(server.vault)
            finally:
                done.set()

        task = asyncio.create_task(run_periodically(server.vault.clock, 0, once))
        await done.wait()
        task.cancel()
        await asyncio.wait([task])

    return run


async def deliver(vault: Vault) -> None:
    vault.clock.advance(minutes=60)  # type: ignore[attr-defined]  # every event is due
    await vault.deliveries.start_due()
    await vault.deliveries.finish()


ACTS: Final[dict[str, Act]] = {
    "save": save,
    "save with a bad field": save_with_bad_field,
    "save without JSON": save_without_json,
    "fetch all": fetch_all,
    "fetch": fetch,
    "cryptogram": cryptogram,
    "cryptogram by a partner": cryptogram_by_partner,
    "fetch by a signature": fetch_by_signature,
    "a wrong secret": sign_in_wrongly,
    "delete": delete,
    "deliver webhooks": background(deliver),
    "outbox": background(lambda vault: vault.outbox_tasks.run_due()),
    "sweep replies": background(lambda vault: vault.idempotency_keys.sweep()),
    "renew keys": background(lambda vault: vault.daily_keys.rotate()),
    "checkpoint": background(lambda vault: vault.audit.checkpoint()),
}


async def furnish(server: Server) -> None:
    """Add a merchant, a partner, a signature key, a webhook endpoint and a saved card; note their secrets."""
    vault = server.vault
    merchant = await vault.merchants.add("Shop", "tests")
    merchant_id = merchant.merchant.merchant_id
    partner = await vault.partners.add("Platform", "tests")
    await vault.partners.link(partner.partner_id, merchant_id, "tests")
    public_key = await vault.client_signatures.make_key(merchant_id, "tests")
    client_id = merchant.merchant.client_id
    signed = signature(public_key, client_id, vault.clock.now() // SECOND)
    server.partner_key, server.signature = partner.api_key.reveal(), signed
    server.credentials = {"x-client-id": client_id, "x-client-secret": merchant.client_secret.reveal()}
    await vault.webhooks.add(merchant_id, "http://127.0.0.1:1/hook", "tests")
    server.path = await server.save("customer-1")
    _, body = await server.call("GET", server.path + "/cryptogram")
    token = json.loads(body)["card_number"]
    server.secrets |= {token, merchant.client_secret.reveal(), partner.api_key.reveal(), signed}


@asynccontextmanager
async def a_server(folder: Path) -> AsyncIterator[Server]:
    """Yield a server whose parts can be made to fail."""
    fault, escaped = Fault(), Escaped()
    settings = settings_in(folder, rate_limits=False, instruments_per_customer=10_000)
    kek = FaultyKek(provider_from(settings.key_provider), fault)
    vault = await open_vault(
        settings, SettableClock(), initialise=True, kek=kek, kinds=(FaultyKind(fault), PostgresKind())
    )
    api = FaultyApi(settings, vault)
    api.fault = fault
    app = AsgiApp(api, AccessLog(None), Metrics(), vault.clock)
    await app.open()
    server = Server(vault, app, fault, kek, escaped)
    await furnish(server)
    server.secrets |= set(json.loads((folder / "master.key").read_text())["keys"].values())
    log_errors_of(asyncio.get_running_loop())
    collecting = Collecting(escaped)
    root = logging.getLogger()
    root.addHandler(collecting)
    try:
        yield server
    finally:
        root.removeHandler(collecting)
        fault.disarm()
        await api.stop()
        await vault.close()


async def steps_of(server: Server, act: Act, mistake: Mistake) -> AsyncIterator[int]:
    """Fail an act at its first step, then at its second, until it ends before the fault; yield after each."""
    for number in range(1, MAX_STEPS):
        if act is delete:
            server.deletable = await server.save("customer-3")
        server.vault.keyring.clear()  # so that keys are unwrapped again
        server.escaped.clear()
        server.vault.clock.advance(2)  # type: ignore[attr-defined]  # past the cache of credentials
        server.fault.arm(number, mistake)
        await act(server)
        struck = server.fault.struck
        server.fault.disarm()
        await asyncio.sleep(0)  # callbacks of failed tasks
        if not struck:
            return
        yield number
    raise AssertionError("an act has more steps than were tried")


def main() -> None:
    """Report to Sentry, and print the events."""
    import sentry_sdk
    from sentry_sdk.envelope import Envelope
    from sentry_sdk.transport import Transport

    events: list[Any] = []

    class LocalTransport(Transport):
        def capture_envelope(self, envelope: Envelope) -> None:
            events.append([item.payload.json for item in envelope.items])

    sentry_sdk.init(dsn="https://public@127.0.0.1/1", transport=LocalTransport, attach_stacktrace=True)

    async def run(folder: Path) -> list[str]:
        async with a_server(folder) as server:
            for act in (save, fetch_all, fetch, cryptogram, fetch_by_signature, delete):
                async for _ in steps_of(server, act, MISTAKES["no text"]):
                    for error in server.escaped.errors:
                        sentry_sdk.capture_exception(error)
            return sorted(server.secrets | {each.hex() for each in server.kek.materials})

    with tempfile.TemporaryDirectory() as folder:
        secrets = asyncio.run(run(Path(folder) / "vault"))
    sys.stdout.write(json.dumps({"events": events, "secrets": secrets}, default=repr))


if __name__ == "__main__":
    main()
