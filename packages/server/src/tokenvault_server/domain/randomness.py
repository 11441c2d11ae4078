"""Random values that others see: ids, token numbers, credentials and key material.

They come from the operating system. Only an emulator puts a source of its own in place (docs/adr/0038): then the same
seed makes the same ids. Nonces of ciphers, claims and lock owners never come from here.
"""

from __future__ import annotations

import base64
import secrets
from contextvars import ContextVar
from typing import Protocol


class Source(Protocol):
    """Where random values come from instead of the operating system."""

    def randbits(self, count: int) -> int:
        """Return an integer of up to `count` bits."""
        ...

    def id_time(self, now: int) -> int:
        """Return the time that an id of this moment shows, in microseconds."""
        ...


SOURCE: ContextVar[Source | None] = ContextVar("SOURCE", default=None)
"""The source of the present task; None for the operating system. Only the package `emulator` sets it."""


def randbits(count: int) -> int:
    """Return an integer of up to `count` bits."""
    source = SOURCE.get()
    return secrets.randbits(count) if source is None else source.randbits(count)


def randbelow(limit: int) -> int:
    """Return an integer from 0 up to `limit`, which it does not reach."""
    source = SOURCE.get()
    # The remainder of 64 bits more than needed: every value is as likely as any other, within 2**-64.
    return secrets.randbelow(limit) if source is None else source.randbits(limit.bit_length() + 64) % limit


def token_bytes(count: int) -> bytes:
    """Return `count` bytes."""
    return randbits(8 * count).to_bytes(count, "big")


def token_hex(count: int) -> str:
    """Return `count` bytes as hex digits."""
    return token_bytes(count).hex()


def token_urlsafe(count: int) -> str:
    """Return `count` bytes as URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(token_bytes(count)).rstrip(b"=").decode()


def id_time(now: int) -> int:
    """Return the time that an id made now shows, in microseconds: now, unless a source has another."""
    source = SOURCE.get()
    return now if source is None else source.id_time(now)
