"""A web application that makes a call while it is imported, as `gunicorn --preload` does before it forks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from tests.client.transports import client_options
from tokenvault_client import Client

StartResponse = Callable[[str, list[tuple[str, str]]], object]

vault = Client(**client_options(os.environ["BASE_URL"]))
vault.fetch_instrument("asha", "i1", request_id="while-loading")


def application(environ: dict[str, object], start_response: StartResponse) -> Iterable[bytes]:
    """Respond with the status of a call to the vault."""
    answer = vault.fetch_instrument("asha", "i1", request_id=f"worker-{os.getpid()}")
    start_response("200 OK", [("content-type", "text/plain")])
    return [f"{os.getpid()} {answer.status}".encode()]
