"""The parent process of `serve`: granian runs in its main thread, admin listener and background tasks in another."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import tempfile
import threading
from pathlib import Path
from typing import Any

from cryptography import x509
from prometheus_client import CollectorRegistry, generate_latest

from tokenvault_contract.operations import BASE_PATH
from tokenvault_server import __version__
from tokenvault_server.background import PeriodicTask, run_once
from tokenvault_server.bootstrap import Vault, open_vault, start_tracing
from tokenvault_server.console.asgi import AdminApp
from tokenvault_server.console.readiness import OBSERVE_SECONDS, Readiness
from tokenvault_server.console.status import Status
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.tracebacks import without_frames
from tokenvault_server.errors import VaultError
from tokenvault_server.listeners import listen, server_for
from tokenvault_server.process_memory import forget_variables, protect_memory
from tokenvault_server.serving.all_processes import AllProcesses
from tokenvault_server.serving.granian import api_server
from tokenvault_server.settings import PREFIX, Settings
from tokenvault_server.telemetry.logs import log_errors_of, start_logging
from tokenvault_server.telemetry.metrics import open_circuits, unreadable_records
from tokenvault_server.vault.audit_anchor import AnchorState

_METRICS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"


class Supervisor:
    """Runs one served vault until it is stopped."""

    def __init__(self, settings: Settings, workers: int, clock: Clock) -> None:
        """Serve the vault that the settings name, by `workers` processes."""
        self._settings = settings
        self._clock = clock
        self._workers = workers
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._opened = threading.Event()
        self._failure: BaseException | None = None
        self._vault: Vault | None = None
        self._readiness: Readiness | None = None
        self._registry = CollectorRegistry()  # empty until the vault is open
        self._all_processes: AllProcesses | None = None
        self._metrics = tempfile.mkdtemp(prefix="tokenvault-metrics-")
        self._status = Status(
            mode="serve",
            version=__version__,
            base_url=_base_url(settings),
            vault_id="",
            check=self._check,
            metrics=lambda: generate_latest(self._registry),
            open_circuits=lambda: open_circuits(self._registry),
            unreadable_records=lambda: unreadable_records(self._registry),
            anchor=lambda: self._vault.audit.anchor.state if self._vault else AnchorState.NONE,
            admin_host=settings.admin_host,
        )

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM; raise the failure that kept the vault from opening."""
        protect_memory()
        # The workers get the settings by pickle. Their environment must not hold the passwords among them.
        forget_variables(os.environ, PREFIX)
        start_logging(self._settings.log_level)
        os.environ[_METRICS_DIRECTORY] = self._metrics
        # A forked worker would inherit this process's threads, locks and SQLite handles in an unknown state.
        multiprocessing.set_start_method("spawn")
        admin = threading.Thread(target=self._run_admin_side, name="admin")
        admin.start()
        self._opened.wait()
        try:
            if self._failure is None:
                logs = _json_logs(self._settings.log_level)
                server = api_server(
                    self._settings, self._workers, self._status, logs, on_worker_end=self._count_worker_end
                )
                server.run()
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            admin.join()
            shutil.rmtree(self._metrics, ignore_errors=True)
        if self._failure is not None:
            raise self._failure

    def _run_admin_side(self) -> None:
        asyncio.set_event_loop(self._loop)
        log_errors_of(self._loop)
        try:
            self._loop.run_until_complete(self._serve_admin_side())
        except BaseException as error:  # noqa: BLE001  # the main thread raises it
            self._failure = without_frames(error)
        finally:
            self._opened.set()

    async def _serve_admin_side(self) -> None:
        """Serve the admin listener, which reports not ready until the vault is open."""
        listener = listen(self._settings.admin_host, self._settings.admin_port)
        server = server_for(AdminApp(self._status), drain_seconds=1)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            tracing = start_tracing(self._settings)  # webhooks are sent from this process
            vault = await open_vault(self._settings, self._clock, tracing=tracing)
            try:
                await vault.check_keys_at_start()
                await self._run_background_tasks(vault)
            finally:
                await vault.close()
                if tracing:
                    await tracing.close()
        finally:
            server.should_exit = True
            await serving

    async def _run_background_tasks(self, vault: Vault) -> None:
        """Run the background tasks until the main thread is done."""
        self._vault = vault
        self._status.vault_id = vault.vault_id
        metrics = vault.process_metrics("parent")
        if self._settings.tls_certificate:
            vault.background_metrics.certificate(_expiry(Path(self._settings.tls_certificate)))
        self._all_processes = AllProcesses(Path(self._metrics), vault.background_metrics.registry, metrics.registry)
        self._registry.register(self._all_processes)
        checks = vault.checks() | {"workers": self._check_workers}
        self._readiness = Readiness(checks, vault.background_metrics.ready)
        observing = PeriodicTask(OBSERVE_SECONDS, self._readiness.observe)
        background_tasks = vault.background_tasks(observing, metrics=metrics)
        background_tasks.start()
        self._opened.set()
        # What an earlier process left unsigned when it was killed is signed now, not in a minute.
        await run_once(vault.audit.checkpoint, metrics)
        await run_once(vault.figures.measure, metrics)
        await self._stop.wait()
        await background_tasks.stop()
        await vault.audit.checkpoint()

    async def _check(self) -> None:
        """Return when a call could be served now: the vault is open, and a worker process listens for calls."""
        if self._readiness is None:
            raise VaultError(hint="the vault is not open yet")
        await self._readiness.check()

    def _count_worker_end(self, pid: int) -> None:
        """Count a worker that ended by itself, and take over its counters; granian's thread calls this."""
        if self._vault and self._all_processes:
            self._vault.background_metrics.worker_restarted()
            self._all_processes.forget(pid)

    async def _check_workers(self) -> None:
        """Return if a worker process listens for calls."""
        try:
            _, writer = await asyncio.open_connection(self._settings.host, self._settings.port)
        except OSError:
            raise VaultError(hint="no worker process listens for calls") from None
        writer.close()


def _expiry(certificate: Path) -> float:
    """Return when a certificate expires, in seconds since 1970. The file may hold a chain; the first one is ours."""
    return x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc.timestamp()


def _base_url(settings: Settings) -> str:
    scheme = "https" if settings.tls_certificate else "http"
    return f"{scheme}://{settings.host}:{settings.port}{BASE_PATH}"


def _json_logs(level: str) -> dict[str, Any]:
    """Return a configuration with which granian logs, in every process, in the format of all other lines."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"stderr": {"()": "tokenvault_server.telemetry.logs.JsonHandler"}},
        "filters": {"handshakes": {"()": "tokenvault_server.serving.handshakes.FailedHandshakes", "level": level}},
        "loggers": {
            "_granian": {"handlers": ["stderr"], "level": level.upper(), "propagate": False},
            # granian reports a failed handshake for debugging only.
            "_granian.workers": {"filters": ["handshakes"], "level": "DEBUG"},
        },
        "root": {"handlers": ["stderr"], "level": level.upper()},
    }
