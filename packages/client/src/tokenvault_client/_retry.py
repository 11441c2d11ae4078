"""Whether to ask again, and when: plain functions of what happened.

Three rules. What certainly was not sent may be sent again. What may have arrived is repeated only if that cannot act
twice: a read, or a call under an idempotency key. And whoever asks for patience gets it, or is left alone: a wait that
does not fit into the call's time is not begun.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, NamedTuple

from tokenvault_client.errors import APIError, TokenVaultError, TransportError

RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})
IN_PROGRESS: Final = "request_in_progress"
"""409: this very call, under its key, is still running."""

_FIRST_SECONDS: Final = 0.25
_LONGEST_SECONDS: Final = 8.0


class Retry(NamedTuple):
    """What `on_retry` is told."""

    operation: str
    attempt: int
    """The one that failed; the first is 1."""
    error: TokenVaultError
    wait: float
    """Seconds until the next one."""


def may_repeat(error: TokenVaultError, *, harmless: bool) -> bool:
    """Tells whether another attempt may be made; `harmless` if the call cannot act twice."""
    if isinstance(error, TransportError):
        return harmless or not error.sent
    if not isinstance(error, APIError):
        return False
    if error.status == 429:
        return True  # refused before anything was done
    return harmless and (error.status in RETRIED_STATUSES or error.code == IN_PROGRESS)


def chance() -> float:
    """Gives a number from 0 to 1; from the system, since a forked child inherits the state of any generator."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


def wait_before(retry: int, error: TokenVaultError, jitter: Callable[[], float] = chance) -> float:
    """Gives the seconds to wait before the n-th retry, the first being 1.

    What the server asks for is the least; the jitter on top keeps those who were refused together from coming together.
    """
    asked = error.retry_after if isinstance(error, APIError) else None
    backed_off = min(_FIRST_SECONDS * 2.0 ** (retry - 1), _LONGEST_SECONDS)
    if asked:
        return asked + jitter() * min(asked / 10, 1.0)
    return backed_off * (0.5 + jitter() / 2)


def retry_after(headers: dict[str, str], now: Callable[[], float]) -> float | None:
    """Gives the seconds that an answer asks for, the longer of Cashfree's header and HTTP's (RFC 9110, 10.2.3)."""
    asked = [_seconds(headers.get("x-ratelimit-retry")), _date_or_seconds(headers.get("retry-after"), now)]
    return max((seconds for seconds in asked if seconds and seconds > 0), default=None)


def _seconds(text: str | None) -> float | None:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else None


def _date_or_seconds(text: str | None, now: Callable[[], float]) -> float | None:
    if not text or text[0].isdigit():
        return _seconds(text)
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp() - now()
    except ValueError:
        return None
