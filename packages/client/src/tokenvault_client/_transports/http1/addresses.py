"""The origin of a URL and its addresses. Every failure in this module happens before anything is sent."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tokenvault_client._transports import _schemes as schemes
from tokenvault_client.errors import CallTimeoutError, TransportError, UsageError

Address = tuple[str, int]
"""A numeric address and a port."""
LookupResult = Sequence[Address] | OSError
"""The addresses of a name, or the error of the lookup."""

_PORTS: Final = {"http": 80, "https": 443}
_INVALID_ORIGIN: Final = "a URL must begin with http:// or https:// and a host"


class Origin(NamedTuple):
    """The scheme, host and port of a URL (RFC 6454)."""

    host: str
    port: int
    authority: str
    """The value of the host header."""
    is_secure: bool


def split_url(url: str) -> tuple[str, str]:
    """Return the origin of a URL as text, and the rest of the URL unchanged."""
    slash = url.index("/", 8)  # skips "https://", and for http:// the first character of the host
    return url[:slash], url[slash:]


@lru_cache(64)
def parse_origin(text: str) -> Origin:
    """Parse an origin.

    Raises:
        UsageError: The text is not an origin of http or https.
    """
    try:
        parts = urlsplit(text)
        host, port, default = (parts.hostname or "").encode("idna").decode(), parts.port, _PORTS[parts.scheme]
    except (KeyError, ValueError):
        raise UsageError(_INVALID_ORIGIN) from None
    if not host:
        raise UsageError(_INVALID_ORIGIN)
    name = f"[{host}]" if ":" in host else host
    authority = name if port in {None, default} else f"{name}:{port}"
    return Origin(host, port or default, authority, parts.scheme == "https")


def numeric_addresses(origin: Origin) -> Sequence[Address]:
    """Return the address of an origin that is given by number, or nothing if it is given by name."""
    try:
        return _addresses(origin.host, origin.port, socket.AI_NUMERICHOST)
    except OSError:
        return ()


def start_lookup(origin: Origin, report: Callable[[LookupResult], object]) -> None:
    """Resolve the name of an origin in a new thread, and call `report` there with the result.

    The lookup needs a thread, because a name server can stay silent for longer than a call may last.
    """

    def look_up() -> None:
        try:
            report(_addresses(origin.host, origin.port))
        except OSError as error:
            report(error)

    threading.Thread(target=look_up, name="tokenvault-resolve", daemon=True).start()


def resolve(origin: Origin, seconds: float) -> Sequence[Address]:
    """Return the addresses of an origin's name, best first.

    Raises:
        TimeoutError: The time is over.
        OSError: The name cannot be resolved.
    """
    results: SimpleQueue[LookupResult] = SimpleQueue()
    start_lookup(origin, results.put)
    try:
        return addresses_of(results.get(timeout=max(seconds, 0)))
    except Empty:
        raise TimeoutError from None


def addresses_of(result: LookupResult) -> Sequence[Address]:
    """Return the addresses of a lookup.

    Raises:
        OSError: The name cannot be resolved.
    """
    if isinstance(result, OSError):
        raise result
    return result


def with_time_shares(
    addresses: Sequence[Address], deadline: float, monotonic: Callable[[], float] = time.monotonic
) -> Iterator[tuple[Address, float]]:
    """Yield each address with the seconds that connecting to it may take.

    Each address gets half of the remaining time, so that the best has the most. The last gets all that remains.

    Raises:
        TimeoutError: No time remains.
    """
    for number, address in enumerate(addresses, 1):
        seconds = deadline - monotonic()
        if seconds <= 0:
            raise TimeoutError
        yield address, seconds if number == len(addresses) else seconds / 2


@contextmanager
def unsent_errors() -> Iterator[None]:
    """Turn failures while connecting into errors that say that nothing was sent."""
    try:
        yield
    except TimeoutError:
        raise CallTimeoutError("no connection could be opened in time", sent=False) from None
    except OSError as error:
        raise TransportError(f"no connection could be opened: {failure_reason(error)}", sent=False) from error


def failure_reason(error: Exception) -> str:
    """Return what the system or its TLS library says about a failure, or that the scheme is wrong."""
    if schemes.is_without_tls(error):
        return schemes.NO_TLS
    return getattr(error, "verify_message", None) or getattr(error, "strerror", None) or type(error).__name__


def _addresses(host: str, port: int, flags: int = 0) -> Sequence[Address]:
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys((str(entry[4][0]), port) for entry in entries))
