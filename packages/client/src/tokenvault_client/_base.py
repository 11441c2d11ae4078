"""The common part of `Client` and `AsyncClient`: everything except waiting."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, Self, TypeVar

from tokenvault_client._calls import Call
from tokenvault_client._credentials import Credentials
from tokenvault_client._flow import Caller, Flow, flow
from tokenvault_client._options import Environment, Options, validated, validated_connection_count, validated_timeout
from tokenvault_client._options import base_url as resolve_base_url
from tokenvault_client._retry import Retry
from tokenvault_client._transports import Connecting
from tokenvault_client.errors import UsageError
from tokenvault_contract.versions import LATEST

T = TypeVar("T")
TransportT = TypeVar("TransportT")

Headers = Mapping[str, str]
OnRetry = Callable[[Retry], object]


class Base(Generic[TransportT]):
    """The caller, its options and its transport."""

    _caller: Caller
    _transport: TransportT

    def __init__(  # noqa: PLR0913  # keyword arguments, each with one meaning
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
        """Take either `environment` or `base_url`, and one pair of credentials. This does not connect yet.

        Raises:
            UsageError: An argument is invalid, or would send secrets in the clear.
        """
        options = Options(api_version, timeout, max_retries, max_retry_wait, tuple((headers or {}).items()), on_retry)
        credentials = Credentials(client_id, client_secret, client_public_key, partner_api_key, partner_merchant_id)
        url = resolve_base_url(environment, base_url, allow_plain_http=allow_plain_http)
        self._caller = Caller(url, credentials.authenticator(), validated(options))
        connecting = Connecting(
            validated_timeout(connect_timeout), validated_connection_count(max_connections), read_ca_file(ca_file)
        )
        self._transport = transport if transport is not None else self._connect(connecting)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Create a client from the `CASHFREE_*` variables as they are now. An empty variable counts as absent.

        Raises:
            UsageError: The variables name no host, or not one pair of credentials, or a file that cannot be read.
        """
        values = {name: environ.get(f"CASHFREE_{name}") or None for name in _VARIABLES}
        return cls(
            environment=_environment(values["ENVIRONMENT"]),
            base_url=values["BASE_URL"],
            client_id=values["CLIENT_ID"],
            client_secret=values["CLIENT_SECRET"],
            client_public_key=_public_key(values["CLIENT_PUBLIC_KEY_FILE"]),
            partner_api_key=values["PARTNER_API_KEY"],
            partner_merchant_id=values["PARTNER_MERCHANT_ID"],
            api_version=values["API_VERSION"] or LATEST,
            ca_file=values["CA_FILE"],
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
        """Return a client with these options changed. It shares the connections; `headers` are added to the others.

        Raises:
            UsageError: An option is invalid.
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
        other._caller = self._caller._replace(options=validated(options))
        other._transport = self._transport
        return other

    def __repr__(self) -> str:
        """Show the address, but no credentials."""
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


def _environment(text: str | None) -> Environment | None:
    match text:
        case None | "sandbox" | "production":
            return text
        case _:
            raise UsageError("CASHFREE_ENVIRONMENT must be sandbox or production")


def read_ca_file(ca_file: str | os.PathLike[str] | None) -> bytes | None:
    """Return the certificates of a file.

    Raises:
        UsageError: The file cannot be read, or contains no certificate.
    """
    if ca_file is None:
        return None
    try:
        pem = Path(ca_file).read_bytes()
    except OSError as error:
        raise UsageError(f"ca_file cannot be read: {error.strerror}") from error
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise UsageError("ca_file contains no PEM certificate")
    return pem


def _public_key(path: str | None) -> bytes | None:
    try:
        return None if path is None else Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"CASHFREE_CLIENT_PUBLIC_KEY_FILE cannot be read: {error.strerror}") from error
