"""The parent process of `serve`: granian in its main thread; admin listener and worker loops in a thread beside it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import tempfile
import threading
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from tokenvault_contract.operations import BASE_PATH
from tokenvault_server import __version__
from tokenvault_server.bootstrap import Vault, open_vault
from tokenvault_server.cli.api_server import api_server
from tokenvault_server.console.door import AdminDoor
from tokenvault_server.console.status import Status
from tokenvault_server.listeners import listen, server_for
from tokenvault_server.settings import Settings
from tokenvault_server.telemetry.logs import start_logging

_METRICS_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"


class Parent:
    """Runs one served vault until it is told to stop."""

    def __init__(self, settings: Settings, workers: int) -> None:
        """Serve what the settings name, by so many processes."""
        self._settings = settings
        self._workers = workers
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._opened = threading.Event()
        self._failure: BaseException | None = None
        self._metrics = tempfile.mkdtemp(prefix="tokenvault-metrics-")
        self._status = Status(
            mode="serve",
            version=__version__,
            base_url=_base_url(settings),
            vault_id="",
            check=_not_open_yet,
            metrics=self._collect,
            admin_host=settings.admin_host,
        )

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM; raise what kept the vault from opening."""
        start_logging(self._settings.log_level)
        os.environ[_METRICS_DIRECTORY] = self._metrics
        # A forked worker would inherit this process's threads, locks and SQLite handles in an unknown state.
        multiprocessing.set_start_method("spawn")
        aside = threading.Thread(target=self._run_aside, name="admin")
        aside.start()
        self._opened.wait()
        try:
            if self._failure is None:
                api_server(self._settings, self._workers, self._status, _json_logs()).serve()
        finally:
            self._loop.call_soon_threadsafe(self._stop.set)
            aside.join()
            shutil.rmtree(self._metrics, ignore_errors=True)
        if self._failure is not None:
            raise self._failure

    def _run_aside(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._live_aside())
        except BaseException as error:  # noqa: BLE001  # the main thread raises it
            self._failure = error
        finally:
            self._opened.set()

    async def _live_aside(self) -> None:
        vault = await open_vault(self._settings)
        try:
            self._status.vault_id = vault.vault_id
            self._status.check = vault.check
            await self._listen_aside(vault)
            await vault.audit.checkpoint()
        finally:
            await vault.close()

    async def _listen_aside(self, vault: Vault) -> None:
        """Serve the admin side and run the worker loops until the main thread is done."""
        listener = listen(self._settings.admin_host, self._settings.admin_port)
        server = server_for(AdminDoor(self._status), drain_seconds=1)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        working = asyncio.create_task(vault.worker().run())
        self._opened.set()
        await self._stop.wait()
        working.cancel()
        server.should_exit = True
        await serving

    def _collect(self) -> bytes:
        """Give the metrics of all worker processes together."""
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=self._metrics)  # type: ignore[no-untyped-call]  # nor prometheus
        return generate_latest(registry)


async def _not_open_yet() -> None:
    await asyncio.sleep(0)


def _base_url(settings: Settings) -> str:
    scheme = "https" if settings.tls_certificate else "http"
    return f"{scheme}://{settings.host}:{settings.port}{BASE_PATH}"


def _json_logs() -> dict[str, Any]:
    """Have granian's own lines, in every process, written like all others."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "tokenvault_server.telemetry.logs.JsonLines"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
        "loggers": {"_granian": {"handlers": ["stderr"], "level": "INFO", "propagate": False}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
    }
