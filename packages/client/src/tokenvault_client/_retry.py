"""Whether and when to retry a call, as pure functions of its result.

There are three rules:

1. A request that was certainly not sent may be sent again.
2. A request that may have arrived may only be repeated if the call cannot act twice: a read, or a call with an
   idempotency key.
3. A wait that the server requests is respected. If it does not fit into the time of the call, there is no retry.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, NamedTuple

from tokenvault_client.errors import APIError, TokenVaultError, TransportError

RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})
IN_PROGRESS: Final = "request_in_progress"
"""The code of a 409 while an earlier request with the same idempotency key is still running."""

_BASE_SECONDS: Final = 0.25
_MAX_SECONDS: Final = 8.0


class Retry(NamedTuple):
    """The argument of `on_retry`."""

    operation: str
    attempt: int
    """The number of the attempt that failed. The first is 1."""
    error: TokenVaultError
    wait: float
    """Seconds until the next attempt."""


def may_retry(error: TokenVaultError, *, is_idempotent: bool) -> bool:
    """Return whether another attempt is allowed; `is_idempotent` means that the call cannot act twice."""
    if isinstance(error, TransportError):
        return is_idempotent or not error.sent
    if not isinstance(error, APIError):
        return False
    if error.status == 429:
        return True  # the server rejected the call before it did anything
    return is_idempotent and (error.status in RETRIED_STATUSES or error.code == IN_PROGRESS)


def random_fraction() -> float:
    """Return a number from 0 to 1 from the operating system. A forked child inherits the state of other generators."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


def seconds_before_retry(retry: int, error: TokenVaultError, jitter: Callable[[], float] = random_fraction) -> float:
    """Return the wait before the n-th retry, of which the first is 1.

    The result is at least the wait that the server requests. Jitter on top keeps callers that failed at the same moment
    from coming back at the same moment.
    """
    requested = error.retry_after if isinstance(error, APIError) else None
    backoff = min(_BASE_SECONDS * 2.0 ** min(retry - 1, 9), _MAX_SECONDS)
    if requested:
        return requested + jitter() * min(requested / 10, 1.0)
    return backoff * (0.5 + jitter() / 2)


def retry_after(headers: dict[str, str], now: Callable[[], float]) -> float | None:
    """Return the wait that a response requests: the longer of Cashfree's and HTTP's header (RFC 9110, 10.2.3)."""
    requested = [_seconds(headers.get("x-ratelimit-retry")), _date_or_seconds(headers.get("retry-after"), now)]
    return max((seconds for seconds in requested if seconds and seconds > 0), default=None)


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
