"""What `Client` and `AsyncClient` have in common: everything but waiting."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, Self, TypeVar

from tokenvault_client._calls import Call
from tokenvault_client._credentials import Credentials
from tokenvault_client._flow import Caller, Flow, flow
from tokenvault_client._options import Environment, Options, at_least_one, base_url, checked, positive
from tokenvault_client._retry import Retry
from tokenvault_client._transports import Connecting
from tokenvault_client.errors import UsageError
from tokenvault_contract.versions import LATEST

T = TypeVar("T")
TransportT = TypeVar("TransportT")

Headers = Mapping[str, str]
OnRetry = Callable[[Retry], object]


class Base(Generic[TransportT]):
    """Who calls, where to, and how; shared by both colours."""

    _caller: Caller
    _transport: TransportT

    def __init__(  # noqa: PLR0913  # named, and each with one meaning
        self,
        *,
        environment: Environment | None = None,
        base_url: str | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        client_public_key: str | bytes | None = None,
        partner_api_key: str | None = None,
        partner_merchant_id: str | None = None,
        api_version: str = LATEST,
        timeout: float = 15.0,
        connect_timeout: float = 5.0,
        max_retries: int = 2,
        max_retry_wait: float = 30.0,
        headers: Headers | None = None,
        on_retry: OnRetry | None = None,
        max_connections: int = 100,
        ca_file: str | os.PathLike[str] | None = None,
        allow_plain_http: bool = False,
        transport: TransportT | None = None,
    ) -> None:
        """Take either `environment` or `base_url`, and one pair of credentials. Nothing is connected yet.

        Raises:
            UsageError: Something of it makes no sense, or would send secrets in the clear.
        """
        options = Options(api_version, timeout, max_retries, max_retry_wait, tuple((headers or {}).items()), on_retry)
        credentials = Credentials(client_id, client_secret, client_public_key, partner_api_key, partner_merchant_id)
        where = _address(environment, base_url, allow_plain_http=allow_plain_http)
        self._caller = Caller(where, credentials.sign_in(), checked(options))
        connecting = Connecting(positive(connect_timeout), at_least_one(max_connections), trusted(ca_file))
        self._transport = transport if transport is not None else self._connect(connecting)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Gives a client made from `CASHFREE_*` variables, which are read now; empty ones count as absent.

        Raises:
            UsageError: They name no host, not one pair of credentials, or a file that cannot be read.
        """
        told = {name: environ.get(f"CASHFREE_{name}") or None for name in _VARIABLES}
        return cls(
            environment=_environment(told["ENVIRONMENT"]),
            base_url=told["BASE_URL"],
            client_id=told["CLIENT_ID"],
            client_secret=told["CLIENT_SECRET"],
            client_public_key=_content(told["CLIENT_PUBLIC_KEY_FILE"]),
            partner_api_key=told["PARTNER_API_KEY"],
            partner_merchant_id=told["PARTNER_MERCHANT_ID"],
            api_version=told["API_VERSION"] or LATEST,
            ca_file=told["CA_FILE"],
        )

    def with_options(
        self,
        *,
        api_version: str | None = None,
        timeout: float | None = None,
        max_retries: int | None = None,
        max_retry_wait: float | None = None,
        headers: Headers | None = None,
        on_retry: OnRetry | None = None,
    ) -> Self:
        """Gives a client that differs in these and shares the connections; `headers` are added to those there are.

        Raises:
            UsageError: One of them makes no sense.
        """
        old = self._caller.options
        options = Options(
            api_version if api_version is not None else old.api_version,
            timeout if timeout is not None else old.timeout,
            max_retries if max_retries is not None else old.max_retries,
            max_retry_wait if max_retry_wait is not None else old.max_retry_wait,
            tuple((dict(old.headers) | dict(headers or {})).items()),
            on_retry if on_retry is not None else old.on_retry,
        )
        other = object.__new__(type(self))
        other._caller = self._caller._replace(options=checked(options))
        other._transport = self._transport
        return other

    def __repr__(self) -> str:
        """Show where it calls, never who."""
        return f"<{type(self).__name__} {self._caller.base_url} {self._caller.options.api_version}>"

    def _connect(self, connecting: Connecting) -> TransportT:
        raise NotImplementedError

    def _flow(
        self, call: Call[T], request_id: str | None, idempotency_key: str | None, timeout: float | None
    ) -> Flow[T]:
        return flow(self._caller, call, request_id=request_id, idempotency_key=idempotency_key, timeout=timeout)


_VARIABLES = (
    "ENVIRONMENT",
    "BASE_URL",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "CLIENT_PUBLIC_KEY_FILE",
    "PARTNER_API_KEY",
    "PARTNER_MERCHANT_ID",
    "API_VERSION",
    "CA_FILE",
)

_address = base_url


def _environment(text: str | None) -> Environment | None:
    match text:
        case None | "sandbox" | "production":
            return text
        case _:
            raise UsageError("CASHFREE_ENVIRONMENT is sandbox or production")


def trusted(ca_file: str | os.PathLike[str] | None) -> bytes | None:
    """Gives the certificates of a file.

    Raises:
        UsageError: There are none in it.
    """
    if ca_file is None:
        return None
    try:
        pem = Path(ca_file).read_bytes()
    except OSError as error:
        raise UsageError(f"ca_file cannot be read: {error.strerror}") from error
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise UsageError("ca_file holds no certificate in PEM")
    return pem


def _content(path: str | None) -> bytes | None:
    try:
        return None if path is None else Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"CASHFREE_CLIENT_PUBLIC_KEY_FILE cannot be read: {error.strerror}") from error
