"""The official SDK, 6.x, configured for our server. It has no asynchronous calls and checks no certificate."""

from collections.abc import Callable
from typing import Any

from cashfree_pg.api_client import Cashfree
from cashfree_pg.configuration import Configuration


def connect(base_url: str, _ca: str) -> Callable[[], Any]:
    """Return the function that makes a call, for one thread or several."""
    configuration: Any = Configuration
    configuration.host = property(lambda _: base_url, lambda _, __: None)
    api: Any = Cashfree(Cashfree.SANDBOX, XClientId="TEST10001", XClientSecret="hush")

    def call() -> object:
        answer = api.PGCustomerFetchInstrument("asha", "i1", _request_timeout=15)
        return answer.data.instrument_id, answer.headers["x-ratelimit-remaining"]

    return call
