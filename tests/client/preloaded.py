"""A web application that calls while it is loaded, as `gunicorn --preload` does before it forks its workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from tests.client.ways import who
from tokenvault_client import Client

StartResponse = Callable[[str, list[tuple[str, str]]], object]

vault = Client(**who(os.environ["BASE_URL"]))
vault.fetch_instrument("asha", "i1", request_id="while-loading")


def application(environ: dict[str, object], start_response: StartResponse) -> Iterable[bytes]:
    """Answers with what the vault answered."""
    answer = vault.fetch_instrument("asha", "i1", request_id=f"worker-{os.getpid()}")
    start_response("200 OK", [("content-type", "text/plain")])
    return [f"{os.getpid()} {answer.status}".encode()]
