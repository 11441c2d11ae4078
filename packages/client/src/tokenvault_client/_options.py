"""What a client is told once and what a call may change: hosts, timeouts, retries, version.

All of it is checked here, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple

from tokenvault_client._retry import Retry
from tokenvault_client.errors import UsageError
from tokenvault_contract.operations import BASE_PATH
from tokenvault_contract.versions import LATEST

Environment = Literal["sandbox", "production"]

HOSTS: Final[Mapping[str, str]] = {
    "sandbox": f"https://sandbox.cashfree.com{BASE_PATH}",
    "production": f"https://api.cashfree.com{BASE_PATH}",
}


MAX_SECONDS: Final = 3600


class Options(NamedTuple):
    """How calls are made. `with_options` gives a client with some of them changed."""

    api_version: str = LATEST
    timeout: float = 15.0
    """Seconds for a whole call: connecting, all attempts, and the waiting between them."""
    max_retries: int = 2
    max_retry_wait: float = 30.0
    """Seconds; whoever asks for a longer wait is not asked again."""
    headers: tuple[tuple[str, str], ...] = ()
    on_retry: Callable[[Retry], object] | None = None


def checked(options: Options) -> Options:
    """Gives the options back.

    Raises:
        UsageError: One of them makes no sense.
    """
    positive(options.timeout)
    if options.max_retries < 0 or options.max_retry_wait < 0:
        raise UsageError("max_retries and max_retry_wait cannot be negative")
    for name, value in (("x-api-version", options.api_version), *options.headers):
        check_header(name, value)
    return options


def positive(timeout: float) -> float:
    """Gives a timeout back.

    Raises:
        UsageError: It is no time at all.
    """
    if not 0 < timeout <= MAX_SECONDS:
        raise UsageError(f"a timeout is more than 0 and at most {MAX_SECONDS} seconds")
    return timeout


def at_least_one(max_connections: int) -> int:
    """Gives a number of connections back.

    Raises:
        UsageError: There would be none.
    """
    if max_connections < 1:
        raise UsageError("max_connections is at least 1")
    return max_connections


def check_header(name: str, value: str) -> None:
    """Refuses what would end a header early, or change on its way: visible ASCII and spaces remain.

    Raises:
        UsageError: It is not that.
    """
    if not (name and value and name.isascii() and value.isascii() and name.isprintable() and value.isprintable()):
        raise UsageError(f"{name if name.isprintable() else 'a header'} must be printable ASCII, and not empty")


def base_url(environment: str | None, url: str | None, *, allow_plain_http: bool) -> str:
    """Gives where the API is: a Cashfree host by its name, or any vault by its address.

    Raises:
        UsageError: Neither or both are given, or secrets would travel in the clear.
    """
    if (environment is None) == (url is None):
        raise UsageError("give either environment ('sandbox' or 'production') or base_url")
    if url is not None:
        return _checked_url(url, allow_plain_http=allow_plain_http)
    try:
        return HOSTS[environment or ""]
    except KeyError:
        raise UsageError(f"environment is one of {', '.join(HOSTS)}, or give base_url") from None


def _checked_url(url: str, *, allow_plain_http: bool) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"base_url is not a URL: {error}") from None
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError("base_url must be absolute and ASCII, as https://vault.example.com/pg")
    if parts.username is not None or parts.query or parts.fragment:
        raise UsageError("base_url has no place for a user, a query or a fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and (allow_plain_http or _is_loopback(host))):
        raise UsageError("base_url must be https; plain http is for loopback, or with allow_plain_http=True")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
