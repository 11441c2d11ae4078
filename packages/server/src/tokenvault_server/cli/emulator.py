"""`tokenvault emulator`: a vault for development and tests that starts fast and, by default, leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click
import msgspec

from tokenvault_server.cli.common import json_option
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.process_memory import protect_memory

if TYPE_CHECKING:
    from tokenvault_contract.versions import ApiVersion
    from tokenvault_server.background import BackgroundTasks
    from tokenvault_server.bootstrap import Vault
    from tokenvault_server.console.status import Status
    from tokenvault_server.domain.clock import Clock
    from tokenvault_server.emulator.announcement import Announcement, DemoCard
    from tokenvault_server.emulator.credentials import Credentials
    from tokenvault_server.emulator.payments.setup import Journey
    from tokenvault_server.settings import Settings
    from tokenvault_server.telemetry.metrics import Metrics
    from tokenvault_server.telemetry.tracing import Tracing

LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Options:
    """The options of the command line."""

    port: int
    admin_port: int
    data: Path | None
    as_json: bool
    seed: Literal["demo"] | None
    rate_limits: bool
    webhook_url: str | None
    log_level: Literal["debug", "info", "warning", "error"]
    strict: bool
    host: str = LOOPBACK
    tracing: bool = False


@click.command()
@click.option(
    "--host",
    envvar="TOKENVAULT_HOST",
    default=LOOPBACK,
    show_default=True,
    help="Listen on this address, or $TOKENVAULT_HOST. 0.0.0.0 is for containers. The status page stays local.",
)
@click.option("--port", default=8480, show_default=True, help="The API's port; 0 takes a free one.")
@click.option("--admin-port", default=0, show_default=True, help="The status page's port; 0 takes a free one.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep everything in this directory. [default: nowhere]",
)
@json_option
@click.option("--seed", type=click.Choice(["demo"]), help="Begin with a saved demo card.")
@click.option("--webhook-url", help="Send the ready merchant's webhook events there, signed with its client secret.")
@click.option("--no-rate-limits", is_flag=True, help="Count no calls, for load tests and benchmarks.")
@click.option("--strict", is_flag=True, help="Reject what Cashfree documents as invalid and this vault accepts.")
@click.option(
    "--tracing",
    is_flag=True,
    envvar="TOKENVAULT_TRACING",
    help="Trace calls with OpenTelemetry, or $TOKENVAULT_TRACING; standard OTEL_ variables say where to.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    show_default=True,
    help="How much is logged on standard error; at info, a line for each call.",
)
def command(  # noqa: PLR0913  # the options, each with one meaning
    *,
    host: str,
    port: int,
    admin_port: int,
    data: Path | None,
    as_json: bool,
    seed: Literal["demo"] | None,
    webhook_url: str | None,
    no_rate_limits: bool,
    strict: bool,
    tracing: bool,
    log_level: Literal["debug", "info", "warning", "error"],
) -> None:
    """Run a vault for development and tests.

    It has a ready merchant and takes Cashfree's published sandbox cards. Without --data it keeps everything in memory
    and forgets it at the end. With --json it prints one line as soon as it answers: base_url, client_id,
    client_secret, partner_api_key, partner_merchant_id, webhook_secret, console_url, control_url.
    """
    rate_limits = not no_rate_limits
    run_emulator(
        Options(port, admin_port, data, as_json, seed, rate_limits, webhook_url, log_level, strict, host, tracing)
    )


def run_emulator(options: Options) -> None:
    """Run until SIGINT or SIGTERM."""
    from tokenvault_server.emulator.private_directory import private_directory

    protect_memory()
    with ExitStack() as cleanup:
        directory = options.data or cleanup.enter_context(private_directory())
        _run_in_loop(_run(options, directory, SystemClock(), cleanup))


def _run_in_loop(main: Coroutine[object, object, None]) -> None:
    """Run in uvloop, or in the loop of asyncio where uvloop is not installed: it does not exist for Windows."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)


async def _run(options: Options, directory: Path, clock: Clock, cleanup: ExitStack) -> None:
    from tokenvault_server.bootstrap import open_vault, start_tracing
    from tokenvault_server.cli.emulated_payments import open_payments
    from tokenvault_server.emulator.credentials import ready_made
    from tokenvault_server.listeners import listen
    from tokenvault_server.telemetry.logs import log_errors_of, start_logging

    start_logging(options.log_level)
    log_errors_of(asyncio.get_running_loop())
    settings = prepare(directory, options)
    api_socket = listen(options.host, options.port)
    admin_socket = listen(settings.admin_host, options.admin_port)
    cleanup.callback(api_socket.close)
    cleanup.callback(admin_socket.close)
    tracing = start_tracing(settings)
    vault = await open_vault(settings, clock, initialise=True, tracing=tracing)
    try:
        await vault.audit.begin()
        credentials = await ready_made(vault.merchants, vault.partners, directory)
        journey = await open_payments(vault, directory, strict=options.strict)
        try:
            await _serve(options, vault, journey, credentials, (api_socket, admin_socket), tracing)
        finally:
            await journey.close()
    finally:
        await vault.audit.checkpoint()
        await vault.close()
        if tracing:
            await tracing.close()


def prepare(directory: Path, options: Options) -> Settings:
    """Make the directory and its master key where they are missing, and return the emulator's settings."""
    from tokenvault_server import settings as settings_module
    from tokenvault_server.keys.providers.file import create_key_file

    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (directory / "master.key").exists():
        create_key_file(directory / "master.key")
    return msgspec.structs.replace(
        settings_module.for_directory(directory),
        rate_limits=options.rate_limits,
        log_level=options.log_level,
        tracing=options.tracing,
    )


async def _serve(
    options: Options,
    vault: Vault,
    journey: Journey,
    credentials: Credentials,
    sockets: tuple[socket.socket, socket.socket],
    tracing: Tracing | None,
) -> None:
    from tokenvault_server.bootstrap import Api, build_app
    from tokenvault_server.console.asgi import AdminApp
    from tokenvault_server.emulator.auth_diagnosis import AuthDiagnosis
    from tokenvault_server.emulator.demo import save_demo_card
    from tokenvault_server.emulator.webhooks import subscribe
    from tokenvault_server.listeners import serve_until_stopped, server_for
    from tokenvault_server.telemetry.metrics import Metrics

    api_socket, admin_socket = sockets
    metrics = Metrics(vault.background_metrics.registry)
    diagnosis = AuthDiagnosis(vault.engine, vault.sealer, vault.merchants, vault.client_signatures, vault.clock)
    api = Api(vault.settings, vault, diagnosis, strict=options.strict, extension=journey.extension)
    app = build_app(vault.settings, metrics, api, vault.clock, tracing)
    await app.open()
    merchant_id = MerchantId(credentials.merchant_id)
    if options.webhook_url:
        await subscribe(vault.webhooks, merchant_id, options.webhook_url)
    demo = None
    if options.seed == "demo":
        demo = await save_demo_card(vault.engine, vault.instruments, vault.clock, merchant_id)
    announcement = announce(credentials, options.host, api_socket.getsockname()[1], admin_socket.getsockname()[1])
    status = _status(vault, announcement, credentials, metrics)
    status.auth_failures = diagnosis.recent
    servers = [
        (server_for(journey.with_pages(app), vault.settings.drain_seconds), api_socket),
        (server_for(AdminApp(status), 1), admin_socket),
    ]
    background_tasks = _start_tasks(vault, journey, metrics)
    await serve_until_stopped(servers, _announcer(options, announcement, demo))
    for tasks in background_tasks:
        await tasks.stop()
    await diagnosis.settled()
    await api.stop()


def _start_tasks(vault: Vault, journey: Journey, metrics: Metrics) -> tuple[BackgroundTasks, ...]:
    """Start the periodic tasks of the vault and of its journey."""
    from tokenvault_server.background import BackgroundTasks

    reported = vault.process_metrics("emulator", metrics.registry)
    started = (
        vault.background_tasks(metrics=reported),
        BackgroundTasks(vault.clock, journey.tasks(), metrics=reported),
    )
    for tasks in started:
        tasks.start()
    return started


def announce(credentials: Credentials, host: str, port: int, admin_port: int) -> Announcement:
    """Return what the emulator prints when it is ready. An address that means "all" is shown as this machine's."""
    from tokenvault_contract.operations import BASE_PATH
    from tokenvault_server.emulator.announcement import Announcement

    shown = LOOPBACK if host in {"0.0.0.0", "::", ""} else f"[{host}]" if ":" in host else host  # noqa: S104  # compared
    admin = f"http://{LOOPBACK}:{admin_port}"
    return Announcement(
        base_url=f"http://{shown}:{port}{BASE_PATH}",
        client_id=credentials.client_id,
        client_secret=credentials.client_secret,
        partner_api_key=credentials.partner_api_key,
        partner_merchant_id=credentials.merchant_id,
        webhook_secret=credentials.client_secret,
        console_url=f"{admin}/",
        control_url=f"{admin}/_emulator/{credentials.control_token}",
    )


def _openapi(version: ApiVersion, base_url: str) -> Mapping[str, object]:
    from tokenvault_server.api.openapi import document

    return document(version, base_url)


def _announcer(options: Options, announcement: Announcement, demo: DemoCard | None) -> Callable[[], None]:
    from tokenvault_server.emulator import announcement as texts

    text = texts.as_json(announcement) if options.as_json else texts.as_text(announcement, demo)
    return partial(print, text, flush=True)


def _status(vault: Vault, announcement: Announcement, credentials: Credentials, metrics: Metrics) -> Status:
    from prometheus_client import generate_latest

    from tokenvault_contract.versions import SUPPORTED
    from tokenvault_server import __version__
    from tokenvault_server.console.readiness import Readiness
    from tokenvault_server.console.status import Status
    from tokenvault_server.telemetry.metrics import open_circuits, unreadable_records

    return Status(
        mode="emulator",
        version=__version__,
        base_url=announcement.base_url,
        vault_id=vault.vault_id,
        check=Readiness(vault.checks(), vault.background_metrics.ready).check,
        metrics=partial(generate_latest, metrics.registry),
        open_circuits=partial(open_circuits, metrics.registry),
        unreadable_records=partial(unreadable_records, metrics.registry),
        anchor=lambda: vault.audit.anchor.state,
        openapi={version: partial(_openapi, version, announcement.base_url) for version in SUPPORTED},
        control_token=credentials.control_token,
    )
