"""The API for other ASGI servers: `uvicorn --factory bench.support.app:app`, configured by the environment."""

from __future__ import annotations

import os

from tokenvault_server import settings
from tokenvault_server.api.asgi import AsgiApp
from tokenvault_server.serving.worker import worker_app


def app() -> AsgiApp:
    """Return the application of a worker process."""
    return worker_app(settings.load(os.environ, settings.config_file(os.environ)))
