"""The errors of the client, by whose fault they are. No exception of an underlying library leaves the client.

    TokenVaultError
    ├── UsageError             the caller's: nothing was sent
    ├── TransportError         the network's: `sent` says whether the call may have arrived
    │   └── CallTimeoutError   the time was over
    ├── DecodeError            the server's: it acted, but its response cannot be decoded
    ├── WebhookError           the sender's: do not trust this delivery
    └── APIError               an error response, with one class for each documented status, and one for a wrong URL

The message of an error after sending contains the request id, so that one line of a log identifies the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tokenvault_client._secrets import Secret
from tokenvault_contract.problems import PROBLEMS, Kind


class TokenVaultError(Exception):
    """The base class of every error of this package. It can be pickled, so that a process pool can return it."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Leave out the body of a response: it may contain a cryptogram."""
        attributes = {name: value for name, value in self.__dict__.items() if name != "_body"}
        return _unpickled, (type(self), self.args, attributes)


class UsageError(TokenVaultError, ValueError):
    """The arguments of a call are invalid. Nothing was sent."""


class TransportError(TokenVaultError):
    """No complete response arrived.

    `sent` is False if the request certainly did not reach the server, and True if it may have.
    """

    def __init__(self, message: str = "", *, sent: bool = True, request_id: str | None = None) -> None:
        super().__init__(message)
        self.sent = sent
        self.request_id = request_id

    def __str__(self) -> str:
        return _with_request_id(super().__str__(), self.request_id)


class CallTimeoutError(TransportError, TimeoutError):
    """The time for the call, or for connecting, was over."""


class DecodeError(TokenVaultError):
    """The server reported success, but its response is not one of this API. The server has acted."""

    def __init__(
        self, message: str = "", *, status: int = 200, body: bytes = b"", request_id: str | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self._body = Secret(body)
        self.request_id = request_id

    @property
    def body(self) -> bytes:
        """The undecoded body. It may contain a cryptogram: do not log it."""
        return self._body.reveal()

    def __dir__(self) -> list[str]:
        """Leave out the body, for tools that show all attributes."""
        return [name for name in super().__dir__() if name != "body"]

    def __str__(self) -> str:
        return _with_request_id(super().__str__(), self.request_id)


class WebhookError(TokenVaultError):
    """A delivery is not signed with any of the secrets, or is too old."""


class APIError(TokenVaultError):
    """The server returned an error response. A status that the API does not document has no class of its own.

    Tests of yours can raise one with the message alone: `NotFoundError("gone")` has the status 404.
    """

    def __init__(  # noqa: PLR0913  # the parts of a response
        self,
        message: str = "",
        *,
        status: int | None = None,
        code: str = "",
        type: str = "",  # noqa: A002  # the wire's name for it
        help: str | None = None,  # noqa: A002  # likewise
        request_id: str | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(message)
        self.status: int = _status_of(self.__class__) if status is None else status
        self.code = code
        self.type = type
        self.message = message
        self.help = help
        self.request_id = request_id
        self.retry_after = retry_after
        """The seconds for which the server asks to wait, if it does."""
        self.headers: Mapping[str, str] = headers or {}
        """The headers, with names in lower case."""
        self._body = Secret(body)

    @property
    def body(self) -> bytes:
        """The undecoded body."""
        return self._body.reveal()

    def __dir__(self) -> list[str]:
        """Leave out the body, for tools that show all attributes."""
        return [name for name in super().__dir__() if name != "body"]

    def __str__(self) -> str:
        code = f" {self.code}" if self.code else ""
        return _with_request_id(f"{self.status}{code}: {self.message}", self.request_id)


class InvalidRequestError(APIError):
    """400: a part of the call is missing or invalid; `code` names it."""


class AuthenticationError(APIError):
    """401: the credentials are unknown or incomplete."""


class ForbiddenError(APIError):
    """403: the credentials are right, but the merchant or its partner is suspended. Only the operator can change that.

    The code is `merchant_suspended` or `partner_suspended`. Do not replace the credentials.
    """


class NotFoundError(APIError):
    """404: there is no such instrument for this customer of this merchant."""


class RouteNotFoundError(APIError):
    """404: the server does not have this URL. It says nothing about the card: correct the base URL.

    The message says what the base URL misses. A 404 that is not about an instrument has this class, also that of a
    proxy.
    """


class ConflictError(APIError):
    """409: the state forbids the call. The code is `instrument_inactive` for a suspended or expired card."""


class IdempotencyError(APIError):
    """422: the idempotency key was used for a different call."""


class RateLimitedError(APIError):
    """429: too many calls in a minute; `retry_after` is the time to wait, in seconds."""


class InternalError(APIError):
    """500: the server failed. It may have acted. The call can be repeated with the same idempotency key."""


class UpstreamError(APIError):
    """502: the bank or the token service behind the server failed."""


_CLASSES: dict[int, type[APIError]] = {
    PROBLEMS[kind].status: error
    for kind, error in {
        Kind.INVALID: InvalidRequestError,
        Kind.UNAUTHENTICATED: AuthenticationError,
        Kind.FORBIDDEN: ForbiddenError,
        Kind.NOT_FOUND: NotFoundError,
        Kind.CONFLICT: ConflictError,
        Kind.IDEMPOTENCY: IdempotencyError,
        Kind.RATE_LIMITED: RateLimitedError,
        Kind.INTERNAL: InternalError,
        Kind.UPSTREAM: UpstreamError,
    }.items()
}


def _status_of(kind: type[APIError]) -> int:
    """Return the status of a class or of its closest base. A plain `APIError` counts as 500."""
    statuses = {error: status for status, error in _CLASSES.items()}
    statuses[RouteNotFoundError] = PROBLEMS[Kind.NOT_FOUND].status
    return next((statuses[base] for base in kind.__mro__ if base in statuses), 500)


def class_for(status: int) -> type[APIError]:
    """Return the class of the error for a status. A 404 can be a `RouteNotFoundError` as well."""
    return _CLASSES.get(status, APIError)


def _unpickled(kind: type[TokenVaultError], args: tuple[Any, ...], attributes: dict[str, Any]) -> TokenVaultError:
    """Return the error of a pickle."""
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update({"_body": Secret(b"")} if issubclass(kind, APIError | DecodeError) else {}, **attributes)
    return error


def _with_request_id(message: str, request_id: str | None) -> str:
    return f"{message} [request {request_id}]" if request_id else message
