"""The interface for HTTP libraries: implement `Transport` or `AsyncTransport`, or pass your own httpx2 client.

import httpx2
from tokenvault_client import Client
from tokenvault_client.transports import Httpx2Transport

vault = Client(environment="sandbox", ..., transport=Httpx2Transport(client=httpx2.Client(proxy=...)))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenvault_client._transports import AsyncTransport, Connecting, Request, Response, Transport

if TYPE_CHECKING:
    from tokenvault_client._transports.http1.tasks import AsyncHttp1Transport
    from tokenvault_client._transports.http1.threads import Http1Transport
    from tokenvault_client._transports.httpx2 import AsyncHttpx2Transport, Httpx2Transport
    from tokenvault_client._transports.pyreqwest import AsyncPyreqwestTransport, PyreqwestTransport

__all__ = [
    "AsyncHttp1Transport",
    "AsyncHttpx2Transport",
    "AsyncPyreqwestTransport",
    "AsyncTransport",
    "Connecting",
    "Http1Transport",
    "Httpx2Transport",
    "PyreqwestTransport",
    "Request",
    "Response",
    "Transport",
]


_MODULES = {
    "AsyncHttp1Transport": "http1.tasks",
    "AsyncHttpx2Transport": "httpx2",
    "AsyncPyreqwestTransport": "pyreqwest",
    "Http1Transport": "http1.threads",
    "Httpx2Transport": "httpx2",
    "PyreqwestTransport": "pyreqwest",
}


def __getattr__(name: str) -> object:
    """Return a transport, and import its library only now.

    Raises:
        ImportError: The library is not installed. The message names the extra that installs it.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = _MODULES[name]
    try:
        return getattr(import_module(f"tokenvault_client._transports.{module}"), name)
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] != module:
            raise
        raise ImportError(f"{name} comes with `pip install tokenvault-client[{module}]`", name=module) from None
