"""A worker process of `serve`: the API behind granian, which starts it and tells it when to stop."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import signal
import threading
from typing import TYPE_CHECKING, Final

from tokenvault_server import settings as settings_module
from tokenvault_server.bootstrap import Api, build_app
from tokenvault_server.telemetry.logs import start_logging
from tokenvault_server.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from tokenvault_server.api.asgi import AsgiApp
    from tokenvault_server.api.pipeline import Pipeline

_TO_STOP: Final = {signal.SIGINT, signal.SIGTERM}
_UNTIL_SERVING: Final = 0.1
"""Seconds from an open vault to a loop that serves; granian sets its sockets up between."""


def worker_app() -> AsgiApp:
    """Give the API to the worker process that imports this module."""
    if parent := multiprocessing.parent_process():
        # granian hears a signal in its loop, and stands outside of it several times while it starts. What comes then
        # would be forgotten, and the worker be killed when the time to drain is over; held back, it comes later.
        signal.pthread_sigmask(signal.SIG_BLOCK, _TO_STOP)
        _end_with(parent)
    settings = settings_module.load(os.environ, settings_module.config_file(os.environ))
    start_logging(settings.log_level)
    door = build_app(settings, Metrics(), _WorkerApi(settings))
    # What start-up made stays: it need not be looked through by every collection while calls are answered.
    gc.collect()
    gc.freeze()
    return door


class _WorkerApi(Api):
    """The API's life in a process that hears signals as soon as it serves."""

    async def start(self) -> Pipeline:
        pipeline = await super().start()
        loop = asyncio.get_running_loop()
        loop.call_later(_UNTIL_SERVING, signal.pthread_sigmask, signal.SIG_UNBLOCK, _TO_STOP)
        return pipeline


def _end_with(parent: BaseProcess) -> None:
    """Have this worker process stop when its parent is gone, even by SIGKILL: nobody would run its worker loops."""

    def wait() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="parent", daemon=True).start()
