"""The common part of `Client` and `AsyncClient`: everything except waiting."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from tokenvault_client import _arguments as arguments
from tokenvault_client import _variables as variables
from tokenvault_client._calls import Call
from tokenvault_client._credentials import authenticator
from tokenvault_client._flow import Caller, Flow, flow
from tokenvault_client._headers import additional_headers
from tokenvault_client._options import Environment, Options, validated
from tokenvault_client._options import base_url as resolve_base_url
from tokenvault_client._retry import Retry
from tokenvault_client._secrets import Secret, hides_locals
from tokenvault_client._transports import Connecting
from tokenvault_client.errors import UsageError
from tokenvault_contract.versions import LATEST

if TYPE_CHECKING:
    from uuid import UUID

T = TypeVar("T")
TransportT = TypeVar("TransportT")

Headers = Mapping[str, str]
OnRetry = Callable[[Retry], object]


class Base(Generic[TransportT]):
    """The caller, its options and its transport."""

    _caller: Caller
    _transport: TransportT
    _is_async: bool

    @hides_locals
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

        `headers` are sent with every call. Their names begin with `x-`, or are those of tracing (`traceparent`,
        `tracestate`, `baggage`, `b3`, `sentry-trace`, ...) or of a gateway (`authorization`, `cookie`, `apikey`, ...).

        Raises:
            UsageError: An argument is invalid, or would send secrets in the clear.
        """
        options = Options(api_version, timeout, max_retries, max_retry_wait, additional_headers(headers), on_retry)
        url = resolve_base_url(environment, base_url, allow_plain_http=allow_plain_http)
        authenticate = authenticator(
            client_id=client_id,
            client_secret=client_secret,
            client_public_key=client_public_key,
            partner_api_key=partner_api_key,
            partner_merchant_id=partner_merchant_id,
        )
        self._caller = Caller(url, authenticate, validated(options))
        connecting = Connecting(
            arguments.timeout("connect_timeout", connect_timeout),
            arguments.count("max_connections", max_connections, minimum=1),
            read_ca_file(ca_file),
        )
        self._transport = (
            self._connect(connecting) if transport is None else checked_transport(transport, is_async=self._is_async)
        )

    @classmethod
    @hides_locals
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Create a client from the `CASHFREE_*` variables as they are now. An empty variable counts as absent.

        Raises:
            UsageError: The variables name no host, or not one pair of credentials, or a file that cannot be read. The
                message names the variables.
        """
        arguments.check_instance("environ", environ, Mapping)
        values = variables.read(environ)
        return cls(
            environment=variables.environment(values["ENVIRONMENT"]),
            base_url=values["BASE_URL"],
            client_id=values["CLIENT_ID"],
            client_secret=values["CLIENT_SECRET"],
            client_public_key=variables.public_key(values["CLIENT_PUBLIC_KEY_FILE"]),
            partner_api_key=values["PARTNER_API_KEY"],
            partner_merchant_id=values["PARTNER_MERCHANT_ID"],
            api_version=values["API_VERSION"] or LATEST,
            ca_file=values["CA_FILE"],
        )

    @hides_locals
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
            Secret(tuple({**dict(old.headers.reveal()), **dict(additional_headers(headers).reveal())}.items())),
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
        self, call: Call[T], request_id: str | UUID | None, idempotency_key: str | UUID | None, timeout: float | None
    ) -> Flow[T]:
        return flow(self._caller, call, request_id=request_id, idempotency_key=idempotency_key, timeout=timeout)


def checked_transport(transport: T, *, is_async: bool) -> T:
    """Return a transport of the caller, which has the methods of the protocol.

    Raises:
        UsageError: It has not, or they are coroutines where they must not be, or the other way round.
    """
    from inspect import iscoroutinefunction

    send, close = getattr(transport, "send", None), getattr(transport, "close", None)
    if isinstance(transport, type) or not (callable(send) and callable(close)):
        raise UsageError("transport must be an object with the methods send and close")
    if iscoroutinefunction(send) and not is_async:
        raise UsageError("transport must be synchronous; for this one, use AsyncClient")
    return transport


def read_ca_file(ca_file: str | os.PathLike[str] | None) -> bytes | None:
    """Return the certificates of a file.

    Raises:
        UsageError: The file cannot be read, or contains no certificate.
    """
    if ca_file is None:
        return None
    try:
        pem = Path(arguments.path("ca_file", ca_file)).read_bytes()
    except OSError as error:
        raise UsageError(f"ca_file cannot be read: {error.strerror}") from error
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise UsageError("ca_file contains no PEM certificate")
    return pem
