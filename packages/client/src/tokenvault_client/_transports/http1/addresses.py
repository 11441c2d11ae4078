"""Where a URL leads, and by which addresses; whatever fails on the way there fails before anything is sent."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tokenvault_client.errors import CallTimeoutError, TransportError, UsageError

Address = tuple[str, int]
"""A numeric address and a port."""
LookUp = Callable[[str, int], Sequence[Address]]

_PORTS: Final = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Who is spoken to (RFC 6454)."""

    host: str
    port: int
    authority: str
    """As the host header has it."""
    is_secure: bool


def split(url: str) -> tuple[str, str]:
    """Gives the origin of a URL as text, and what is asked for there, as it is."""
    at = url.index("/", 8)  # after "https://" at the latest, and after one character of a host
    return url[:at], url[at:]


@lru_cache(64)
def origin(text: str) -> Origin:
    """Gives an origin that was read.

    Raises:
        UsageError: It is none that can be connected to.
    """
    parts = urlsplit(text)
    try:
        host, port, usual = parts.hostname, parts.port, _PORTS[parts.scheme]
    except (KeyError, ValueError):
        host, port, usual = None, None, 0
    if not host:
        raise UsageError("a URL begins with http:// or https:// and a host")
    name = f"[{host}]" if ":" in host else host
    authority = name if port in {None, usual} else f"{name}:{port}"
    return Origin(host, port or usual, authority, parts.scheme == "https")


def numeric(where: Origin) -> Sequence[Address]:
    """Gives the address that an origin is named by, or nothing if it has a name."""
    try:
        return _looked_up(where.host, where.port, socket.AI_NUMERICHOST)
    except OSError:
        return ()


def named(where: Origin, seconds: float, look_up: LookUp | None = None) -> Sequence[Address]:
    """Gives the addresses of an origin's name, best first.

    It is looked up in a thread of its own, since a name server can be silent for longer than a call may last.

    Raises:
        TimeoutError: The time is up.
        OSError: Nobody has that name.
    """
    outcomes: SimpleQueue[Sequence[Address] | OSError] = SimpleQueue()

    def look() -> None:
        try:
            outcomes.put((look_up or _looked_up)(where.host, where.port))
        except OSError as error:
            outcomes.put(error)

    threading.Thread(target=look, name="tokenvault-resolve", daemon=True).start()
    try:
        outcome = outcomes.get(timeout=max(seconds, 0))
    except Empty:
        raise TimeoutError from None
    if isinstance(outcome, OSError):
        raise outcome
    return outcome


def in_turn(found: Sequence[Address], seconds: Callable[[], float]) -> Iterator[tuple[Address, float]]:
    """Gives each address with the seconds that it may take: an equal share of what is left for it and its followers."""
    for tried, address in enumerate(found):
        yield address, seconds() / (len(found) - tried)


@contextmanager
def unsent() -> Iterator[None]:
    """Has what fails while connecting say that nothing was sent."""
    try:
        yield
    except TimeoutError:
        raise CallTimeoutError("no connection could be made in time", sent=False) from None
    except OSError as error:
        raise TransportError(f"no connection could be made: {reason(error)}", sent=False) from error


def reason(error: Exception) -> str:
    """Gives what the system or its TLS says of a failure."""
    return getattr(error, "verify_message", None) or getattr(error, "strerror", None) or type(error).__name__


def _looked_up(host: str, port: int, flags: int = 0) -> Sequence[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except UnicodeError as error:  # a label of more than 63 characters
        raise OSError(str(error)) from error
    return list(dict.fromkeys((str(each[4][0]), port) for each in found))
