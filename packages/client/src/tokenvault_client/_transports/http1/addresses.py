"""Where a URL leads, and by which addresses; whatever fails on the way there fails before anything is sent."""

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

from tokenvault_client.errors import CallTimeoutError, TransportError, UsageError

Address = tuple[str, int]
"""A numeric address and a port."""
Outcome = Sequence[Address] | OSError
"""What came of looking up a name."""

_PORTS: Final = {"http": 80, "https": 443}
_NO_ORIGIN: Final = "a URL begins with http:// or https:// and a host"


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
    try:
        parts = urlsplit(text)
        host, port, usual = (parts.hostname or "").encode("idna").decode(), parts.port, _PORTS[parts.scheme]
    except (KeyError, ValueError):
        raise UsageError(_NO_ORIGIN) from None
    if not host:
        raise UsageError(_NO_ORIGIN)
    name = f"[{host}]" if ":" in host else host
    authority = name if port in {None, usual} else f"{name}:{port}"
    return Origin(host, port or usual, authority, parts.scheme == "https")


def numeric(where: Origin) -> Sequence[Address]:
    """Gives the address that an origin is named by, or nothing if it has a name."""
    try:
        return _looked_up(where.host, where.port, socket.AI_NUMERICHOST)
    except OSError:
        return ()


def look_up(where: Origin, tell: Callable[[Outcome], object]) -> None:
    """Starts to look up an origin's name, and tells what came of it.

    That takes a thread of its own, since a name server can be silent for longer than a call may last.
    """

    def look() -> None:
        try:
            tell(_looked_up(where.host, where.port))
        except OSError as error:
            tell(error)

    threading.Thread(target=look, name="tokenvault-resolve", daemon=True).start()


def named(where: Origin, seconds: float) -> Sequence[Address]:
    """Gives the addresses of an origin's name, best first.

    Raises:
        TimeoutError: The time is up.
        OSError: Nobody has that name.
    """
    outcomes: SimpleQueue[Outcome] = SimpleQueue()
    look_up(where, outcomes.put)
    try:
        return found(outcomes.get(timeout=max(seconds, 0)))
    except Empty:
        raise TimeoutError from None


def found(outcome: Outcome) -> Sequence[Address]:
    """Gives the addresses, if there are any.

    Raises:
        OSError: Nobody has that name.
    """
    if isinstance(outcome, OSError):
        raise outcome
    return outcome


def in_turn(addresses: Sequence[Address], latest: float) -> Iterator[tuple[Address, float]]:
    """Gives each address with the seconds that it may take: half of what is left, so that the best has the most.

    Raises:
        TimeoutError: Nothing is left.
    """
    for place, address in enumerate(addresses, 1):
        seconds = latest - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        yield address, seconds if place == len(addresses) else seconds / 2


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
    told = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys((str(each[4][0]), port) for each in told))
