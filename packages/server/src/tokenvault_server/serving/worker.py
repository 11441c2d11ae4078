"""A worker process of `serve`: the API behind granian, which starts the process and tells it when to stop."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import threading
from functools import partial
from typing import TYPE_CHECKING, Final

from tokenvault_server.bootstrap import Api, build_app, open_vault, start_tracing
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.process_memory import protect_memory
from tokenvault_server.telemetry.logs import log_errors_of, start_logging
from tokenvault_server.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from tokenvault_server.api.asgi import AsgiApp
    from tokenvault_server.api.pipeline import Pipeline
    from tokenvault_server.settings import Settings
    from tokenvault_server.telemetry.tracing import Tracing

_STOP_SIGNALS: Final = {signal.SIGINT, signal.SIGTERM}
_UNTIL_SERVING: Final = 0.1
"""Seconds from an open vault to a loop that serves; granian sets its sockets up between."""


def worker_app(settings: Settings) -> AsgiApp:
    """Return the API for this worker process, which the supervisor sends its settings to."""
    if parent := multiprocessing.parent_process():
        # granian handles signals inside its loop, and leaves the loop several times while it starts. It would lose a
        # signal that arrives meanwhile, and the worker would be killed when the drain time ends. So block signals
        # until the loop serves; the kernel delivers them then.
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
        _end_with(parent)
        protect_memory()
    start_logging(settings.log_level)
    clock = SystemClock()
    tracing = start_tracing(settings)
    api = _WorkerApi(settings, partial(open_vault, settings, clock, tracing=tracing), role="worker")
    api.tracing = tracing
    app = build_app(settings, Metrics(), api, clock, tracing)
    # The objects of start-up stay: keep the garbage collector from scanning them while calls are answered.
    gc.collect()
    gc.freeze()
    return app


class _WorkerApi(Api):
    """The API's lifespan in a process that handles signals as soon as it serves, and sends its spans at the end."""

    tracing: Tracing | None = None

    async def start(self) -> Pipeline:
        loop = asyncio.get_running_loop()
        log_errors_of(loop)
        pipeline = await super().start()
        loop.call_later(_UNTIL_SERVING, signal.pthread_sigmask, signal.SIG_UNBLOCK, _STOP_SIGNALS)
        return pipeline

    async def stop(self) -> None:
        try:
            await super().stop()
        finally:
            if self.tracing:
                await self.tracing.close()


def _end_with(parent: BaseProcess) -> None:
    """Stop this worker when its parent is gone, even by SIGKILL: the parent runs the background tasks."""

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
