"""The options of a client and of a call: hosts, timeouts, retries, version.

This module validates all of them, before the client sends anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple

from tokenvault_client import _arguments as arguments
from tokenvault_client._headers import Headers, check_header
from tokenvault_client._retry import Retry
from tokenvault_client._secrets import Secret
from tokenvault_client.errors import UsageError
from tokenvault_contract.operations import BASE_PATH
from tokenvault_contract.versions import LATEST

Environment = Literal["sandbox", "production"]

HOSTS: Final[Mapping[str, str]] = {
    "sandbox": f"https://sandbox.cashfree.com{BASE_PATH}",
    "production": f"https://api.cashfree.com{BASE_PATH}",
}


class Options(NamedTuple):
    """The options of calls. `with_options` returns a client with some of them changed."""

    api_version: str = LATEST
    timeout: float = 15.0
    """Seconds for a whole call: connecting, all attempts, and the waits between them."""
    max_retries: int = 2
    max_retry_wait: float = 30.0
    """Seconds. If a server asks for a longer wait, the client does not retry."""
    headers: Secret[Headers] = Secret(())
    """Additional headers. They may contain a credential for a gateway."""
    on_retry: Callable[[Retry], object] | None = None


def validated(options: Options) -> Options:
    """Return the options unchanged.

    Raises:
        UsageError: An option is invalid.
    """
    arguments.timeout("timeout", options.timeout)
    arguments.count("max_retries", options.max_retries, minimum=0)
    arguments.number("max_retry_wait", options.max_retry_wait)
    check_header("api_version", options.api_version)
    if type(options.api_version) is not str:
        options = options._replace(api_version=arguments.text("api_version", options.api_version))
    if options.on_retry is not None:
        arguments.function("on_retry", options.on_retry)
    return options


def base_url(environment: str | None, url: str | None, *, allow_plain_http: bool) -> str:
    """Return the address of the API: of a Cashfree host by its name, or of any vault by its URL.

    Raises:
        UsageError: Neither or both are given, or the URL would send secrets in the clear.
    """
    arguments.flag("allow_plain_http", allow_plain_http)
    if (environment is None) == (url is None):
        both = "" if environment is None else ", not both"
        raise UsageError(
            f"pass either environment ({' or '.join(map(repr, HOSTS))}) or base_url{both}; "
            "from_env() takes CASHFREE_ENVIRONMENT or CASHFREE_BASE_URL"
        )
    if url is not None:
        return _validated_url(arguments.text("base_url", url), allow_plain_http=allow_plain_http)
    try:
        return HOSTS[arguments.text("environment", environment)]
    except KeyError:
        raise UsageError(f"environment must be one of {', '.join(HOSTS)}; for another host pass base_url") from None


def _validated_url(url: str, *, allow_plain_http: bool) -> str:
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"base_url is not a URL: {error}") from None
    if not host or not url.isascii() or not url.isprintable() or " " in url:
        raise UsageError("base_url must be absolute and ASCII, as https://vault.example.com/pg")
    if parts.username is not None or parts.query or parts.fragment:
        raise UsageError("base_url must not contain a user, a query or a fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and (allow_plain_http or _is_loopback(host))):
        raise UsageError("base_url must be https; plain http needs a loopback address or allow_plain_http=True")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    from ipaddress import ip_address

    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
