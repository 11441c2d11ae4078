"""Build an emulator: a vault with a clock that can be moved, faults, a journal, and a control plane.

The command `tokenvault emulator` and `embedded.Emulator` both come here. Nothing else imports this module, so `serve`
does not even load what can steer a vault.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tokenvault_contract.operations import OPERATIONS
from tokenvault_contract.payment_operations import PAYMENT_OPERATIONS
from tokenvault_contract.payment_webhooks import PAYMENT_EVENT_TYPES
from tokenvault_contract.versions import SUPPORTED, ApiVersion
from tokenvault_contract.webhook_events import EVENT_TYPES
from tokenvault_server import __version__
from tokenvault_server import settings as settings_module
from tokenvault_server.api.asgi import Observe
from tokenvault_server.api.call import Reply, Request
from tokenvault_server.bootstrap.api import Api, build_app
from tokenvault_server.bootstrap.assembly import open_vault
from tokenvault_server.bootstrap.tracing import start_tracing
from tokenvault_server.bootstrap.vault import Vault
from tokenvault_server.domain.clock import Clock, SystemClock
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.emulator import magic
from tokenvault_server.emulator.announcement import Announcement, DemoCard
from tokenvault_server.emulator.auth_diagnosis import AuthDiagnosis
from tokenvault_server.emulator.captured_webhooks import CAPTURE_URL, CapturedWebhooks
from tokenvault_server.emulator.clock import MovableClock
from tokenvault_server.emulator.connections import SteerableConnection, SteeredApp
from tokenvault_server.emulator.credentials import ready_made
from tokenvault_server.emulator.demo import save_demo_card
from tokenvault_server.emulator.faults import FaultRules
from tokenvault_server.emulator.interception import Interception
from tokenvault_server.emulator.journal import Journal
from tokenvault_server.emulator.payments.setup import Journey
from tokenvault_server.emulator.randomness import STABLE_TIME, SeededSource, drawing_from
from tokenvault_server.emulator.webhooks import subscribe
from tokenvault_server.emulator_bootstrap.parts import EmulatorOptions, EmulatorParts, Steered
from tokenvault_server.emulator_bootstrap.payments import open_payments
from tokenvault_server.errors import SettingsError
from tokenvault_server.keys.providers.file import create_key_file
from tokenvault_server.listeners import listen, serve_until, serve_until_stopped, server_for
from tokenvault_server.settings import Settings
from tokenvault_server.telemetry.metrics import Metrics, open_circuits, unreadable_records
from tokenvault_server.telemetry.timestamps import timestamp

if TYPE_CHECKING:
    from tokenvault_server.api.extension import Extension
    from tokenvault_server.console.status import Status
    from tokenvault_server.emulator.control.asgi import ControlApp
    from tokenvault_server.emulator.control.plane import ControlPlane
    from tokenvault_server.emulator.snapshots import States
    from tokenvault_server.telemetry.tracing import Tracing
    from tokenvault_server.vault.audit_verification import AuditReport

TICK_SECONDS: Final = 1
"""How far the clock of an emulator with a seed moves with each call."""


class RunningEmulator:
    """An emulator whose vault is open. `serve` answers calls; `control` steers it."""

    def __init__(self, parts: EmulatorParts) -> None:
        """Run `parts`."""
        self._parts = parts

    @property
    def announcement(self) -> Announcement:
        """What the emulator prints when it is ready."""
        return self._parts.announcement

    @property
    def demo(self) -> DemoCard | None:
        """The demo card, if one was asked for."""
        return self._parts.demo

    @cached_property
    def states(self) -> States:
        """The emulator's state as a value."""
        from tokenvault_server.emulator_bootstrap.states import states

        return states(self._parts)

    @cached_property
    def control(self) -> ControlPlane:
        """The control plane. It is built when it is first used: most emulators are not steered."""
        from tokenvault_server.emulator_bootstrap.control import control_plane

        return control_plane(self._parts, self.states)

    async def verify_audit(self) -> AuditReport:
        """Verify the audit trail of the emulator's vault."""
        return await self._parts.vault.verify_audit()

    async def serve(self, ready: Callable[[], None], stopped: asyncio.Event | None = None) -> None:
        """Serve until `stopped` is set, or until SIGINT or SIGTERM."""
        from tokenvault_server.console.asgi import AdminApp

        api_socket, admin_socket = self._parts.sockets
        drain_seconds = self._parts.vault.settings.drain_seconds
        servers = [
            (server_for(self._parts.app, drain_seconds, SteerableConnection), api_socket),
            (server_for(AdminApp(self._status()), 1), admin_socket),
        ]
        if stopped is None:
            await serve_until_stopped(servers, ready)
        else:
            await serve_until(stopped, servers, ready)

    def _control_app(self) -> ControlApp:
        from tokenvault_server.emulator.control.asgi import ControlApp

        return ControlApp(self.control)

    def _status(self) -> Status:
        from prometheus_client import generate_latest

        from tokenvault_server.console.readiness import Readiness
        from tokenvault_server.console.status import Status

        parts = self._parts
        base_url, registry, audit = parts.announcement.base_url, parts.metrics.registry, parts.vault.audit
        return Status(
            mode="emulator",
            version=__version__,
            base_url=base_url,
            vault_id=parts.vault.vault_id,
            check=Readiness(parts.vault.checks(), parts.vault.background_metrics.ready).check,
            metrics=partial(generate_latest, registry),
            open_circuits=partial(open_circuits, registry),
            unreadable_records=partial(unreadable_records, registry),
            anchor=lambda: audit.anchor.state,
            openapi={version: partial(_openapi, version, base_url, parts.journey.extension) for version in SUPPORTED},
            auth_failures=parts.diagnosis.recent,
            control=self._control_app,
            control_token=parts.credentials.control_token,
        )


@asynccontextmanager
async def open_emulator(
    options: EmulatorOptions, directory: Path, base: Clock | None = None
) -> AsyncIterator[RunningEmulator]:
    """Open an emulator in a directory, and close it after the block.

    Raises:
        SettingsError: an option, a port or a seed cannot be used.
    """
    steered = _steered(options, base or SystemClock())
    async with AsyncExitStack() as closing:
        closing.enter_context(drawing_from(steered.source))
        settings = prepare(directory, options)
        sockets = (listen(options.host, options.port), listen(settings.admin_host, options.admin_port))
        for each in sockets:
            closing.callback(each.close)
        tracing = start_tracing(settings)
        if tracing:
            closing.push_async_callback(tracing.close)
        vault = await open_vault(settings, steered.clock, initialise=True, tracing=tracing, seams=steered.seams)
        closing.push_async_callback(vault.close)
        closing.push_async_callback(vault.audit.checkpoint)
        await vault.audit.begin()
        journey = await open_payments(vault, directory, strict=options.strict)
        closing.push_async_callback(journey.close)
        parts = await _built(options, vault, journey, directory, sockets, steered, tracing)
        closing.push_async_callback(parts.api.stop)
        closing.push_async_callback(parts.diagnosis.settled)
        emulator = RunningEmulator(parts)
        parts.app.after_save = partial(_after_save, emulator)
        await _fill(parts, emulator)
        parts.background_tasks.start()
        closing.push_async_callback(parts.background_tasks.stop)
        emulator.states.baseline = await emulator.states.take()
        yield emulator


def _steered(options: EmulatorOptions, base: Clock) -> Steered:
    is_seeded = options.number is not None
    clock = MovableClock(base, frozen_at=STABLE_TIME if is_seeded else None)
    rules = FaultRules(
        [operation.key for operation in (*OPERATIONS, *PAYMENT_OPERATIONS)], (*EVENT_TYPES, *PAYMENT_EVENT_TYPES)
    )

    def moment() -> str:
        return timestamp(clock.now())

    return Steered(
        clock=clock,
        base=base,
        source=SeededSource("emulator", options.number) if is_seeded else None,
        rules=rules,
        interception=Interception(rules),
        journal=Journal(moment, timed=not is_seeded),
        captured=CapturedWebhooks(rules, clock, moment),
    )


def prepare(directory: Path, options: EmulatorOptions) -> Settings:
    """Make the directory and its master key where they are missing, and return the emulator's settings."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_new = not (directory / "master.key").exists()
    if options.number is not None and not is_new:
        # The same numbers would be drawn again, and be the ids of other cards.
        raise SettingsError("a seed number needs a new vault", hint=f"{directory} has one; name another --data")
    if is_new:
        create_key_file(directory / "master.key")
    return msgspec.structs.replace(
        settings_module.for_directory(directory),
        rate_limits=options.rate_limits,
        log_level=options.log_level,
        tracing=options.tracing,
    )


async def _built(
    options: EmulatorOptions,
    vault: Vault,
    journey: Journey,
    directory: Path,
    sockets: tuple[socket.socket, socket.socket],
    steered: Steered,
    tracing: Tracing | None,
) -> EmulatorParts:
    """Build the API around an open vault, and open it."""
    credentials = await ready_made(vault.merchants, vault.partners, directory)
    metrics = Metrics(vault.background_metrics.registry)
    diagnosis = AuthDiagnosis(
        vault.engine,
        vault.sealer,
        vault.merchants,
        vault.client_signatures,
        vault.clock,
        logs=options.call_lines is None,
    )
    extension = replace(
        journey.extension, intercept=steered.interception, help_note=magic.HELP_NOTE, machine=steered.base
    )
    api = Api(vault.settings, vault, diagnosis, strict=options.strict, extension=extension)
    app = build_app(vault.settings, metrics, api, vault.clock, tracing, _observer(options, steered.journal))
    await app.open()
    tick = partial(steered.clock.advance, TICK_SECONDS) if options.number is not None else _no_tick
    steered_app = SteeredApp(journey.with_pages(app), steered.source, steered.interception.wait, tick)
    tasks = vault.background_tasks(*journey.tasks(), metrics=vault.process_metrics("emulator", metrics.registry))
    return EmulatorParts(
        options, vault, api, steered_app, metrics, diagnosis, credentials, sockets, tasks, steered, journey
    )


def _observer(options: EmulatorOptions, journal: Journal) -> Observe:
    """Return what is called after each call."""
    lines = options.call_lines
    if lines is None:
        return journal.record

    def observe(request: Request, reply: Reply, seconds: float) -> None:
        journal.record(request, reply, seconds)
        lines.record(request, reply, seconds)

    return observe


async def _fill(parts: EmulatorParts, emulator: RunningEmulator) -> None:
    """Add what the options ask for: endpoints, the demo card, the seed."""
    options, vault = parts.options, parts.vault
    merchant_id = MerchantId(parts.credentials.merchant_id)
    if options.webhook_url:
        await subscribe(vault.webhooks, merchant_id, options.webhook_url)
    if options.demo:
        parts.demo = await save_demo_card(vault.engine, vault.instruments, vault.clock, merchant_id)
    if options.seed:
        await emulator.control.seeding.apply(options.seed)
    if options.seed_files:
        from tokenvault_server.emulator.seeds import read_seed

        for file in options.seed_files:
            await emulator.control.seeding.apply(read_seed(file))
    if options.capture_webhooks and not await vault.webhooks.endpoints(merchant_id):
        await subscribe(vault.webhooks, merchant_id, CAPTURE_URL)


async def _after_save(emulator: RunningEmulator, causes: tuple[str, ...], body: bytes) -> None:
    """Do what a magic holder name asks for, once its card is saved."""
    for cause in causes:
        if action := magic.action_of(cause):
            instrument_id: str = msgspec.json.decode(body)["instrument_id"]
            await emulator.control.cards.act(action, instrument_id)


def run_in_loop(main: Coroutine[object, object, None]) -> None:
    """Run in uvloop, or in the loop of asyncio where uvloop is not installed: it does not exist for Windows."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


def _openapi(version: ApiVersion, base_url: str, extension: Extension) -> Mapping[str, object]:
    from tokenvault_server.api.openapi import document

    return document(version, base_url, title="Tokenvault emulator", extension=extension)


def _no_tick() -> None:
    """Leave the clock alone."""
