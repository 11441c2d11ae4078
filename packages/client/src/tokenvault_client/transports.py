"""The seam for HTTP libraries: implement `Transport` or `AsyncTransport`, or bring an httpx2 client of your own.

import httpx2
from tokenvault_client import Client
from tokenvault_client.transports import Httpx2Transport

vault = Client(environment="sandbox", ..., transport=Httpx2Transport(client=httpx2.Client(proxy=...)))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenvault_client._transports import AsyncTransport, Connecting, Request, Response, Transport

if TYPE_CHECKING:
    from tokenvault_client._transports.httpx2 import AsyncHttpx2Transport, Httpx2Transport
    from tokenvault_client._transports.pyreqwest import AsyncPyreqwestTransport, PyreqwestTransport

__all__ = [
    "AsyncHttpx2Transport",
    "AsyncPyreqwestTransport",
    "AsyncTransport",
    "Connecting",
    "Httpx2Transport",
    "PyreqwestTransport",
    "Request",
    "Response",
    "Transport",
]


def __getattr__(name: str) -> object:
    """Gives a transport, importing its library only then."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = "httpx2" if "Httpx2" in name else "pyreqwest"
    return getattr(import_module(f"tokenvault_client._transports.{module}"), name)
