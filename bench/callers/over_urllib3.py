"""The current urllib3, from threads."""

import json
import uuid
from collections.abc import Callable
from urllib.parse import quote

import urllib3

HEADERS = {"x-client-id": "TEST10001", "x-client-secret": "hush", "x-api-version": "2026-01-01"}


def connect(base_url: str, ca: str) -> Callable[[], object]:
    """Return the function that makes a call, for one thread or several."""
    pool = urllib3.PoolManager(maxsize=100, timeout=15.0, ca_certs=ca)

    def call() -> object:
        url = f"{base_url}/customers/{quote('asha', safe='')}/instruments/{quote('i1', safe='')}"
        answer = pool.request("GET", url, headers={**HEADERS, "x-request-id": str(uuid.uuid4())})
        return json.loads(answer.data)["instrument_id"], int(answer.headers["x-ratelimit-remaining"])

    return call
