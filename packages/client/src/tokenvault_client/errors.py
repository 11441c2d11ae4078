"""What can go wrong, told by whose fault it is; nothing that a library below raises gets out.

    TokenVaultError
    ├── UsageError             yours: nothing was sent
    ├── TransportError         the network's: `sent` tells whether the call may have arrived
    │   └── CallTimeoutError   time was up
    ├── DecodeError            the server's: it acted, and its answer cannot be read
    ├── WebhookError           the sender's: do not trust this notification
    └── APIError               an answer that says no; one class for each documented status

The message of a call that was made names its request id, so that a line in a log is enough to ask about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tokenvault_contract.problems import PROBLEMS, Kind


class TokenVaultError(Exception):
    """Whatever this package raises. It can be pickled, so that it comes out of a pool of processes whole."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Give what is told, without the body of an answer: it may hold a cryptogram."""
        told = {name: value for name, value in self.__dict__.items() if name != "body"}
        return _rebuilt, (type(self), self.args, told)


class UsageError(TokenVaultError, ValueError):
    """The call cannot be made as it was asked for, and nothing was sent: mend the arguments."""


class TransportError(TokenVaultError):
    """No answer came, or only a part of one.

    `sent` is False where the request certainly never reached the server, and True where nobody can know.
    """

    def __init__(self, message: str, *, sent: bool, request_id: str | None = None) -> None:
        super().__init__(message)
        self.sent = sent
        self.request_id = request_id

    def __str__(self) -> str:
        return _named(super().__str__(), self.request_id)


class CallTimeoutError(TransportError, TimeoutError):
    """The time for the call, or for connecting, was up."""


class DecodeError(TokenVaultError):
    """The server said that it succeeded, in words that are not of this API. Whatever was asked for was done."""

    def __init__(self, message: str, *, status: int, body: bytes, request_id: str | None) -> None:
        super().__init__(message)
        self.status = status
        self.body = body
        """As it came. It may hold a cryptogram: do not log it."""
        self.request_id = request_id

    def __str__(self) -> str:
        return _named(super().__str__(), self.request_id)


class WebhookError(TokenVaultError):
    """A notification that is not signed with any of the secrets, not fresh, or not readable."""


class APIError(TokenVaultError):
    """The server's answer is not a success. Statuses that the API does not document have no class of their own."""

    def __init__(  # noqa: PLR0913  # what an answer has
        self,
        message: str,
        *,
        status: int,
        code: str = "",
        type: str = "",  # noqa: A002  # the wire's name for it
        help: str | None = None,  # noqa: A002  # likewise
        request_id: str | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.type = type
        self.message = message
        self.help = help
        self.request_id = request_id
        self.retry_after = retry_after
        """Seconds that the server wants to be left alone, where it said so."""
        self.headers: Mapping[str, str] = headers or {}
        """By their names in lower case."""
        self.body = body

    def __str__(self) -> str:
        code = f" {self.code}" if self.code else ""
        return _named(f"{self.status}{code}: {self.message}", self.request_id)


class InvalidRequestError(APIError):
    """400: something in the call is missing or wrong; `code` says what."""


class AuthenticationError(APIError):
    """401: these credentials are not known, or not complete."""


class NotFoundError(APIError):
    """404: there is no such instrument for this customer of this merchant."""


class ConflictError(APIError):
    """409: not in this state; `instrument_inactive` for a suspended or expired card."""


class IdempotencyError(APIError):
    """422: the idempotency key was used for another call."""


class RateLimitedError(APIError):
    """429: too many calls this minute; `retry_after` says how long to wait."""


class InternalError(APIError):
    """500: the server failed. What was asked for may have been done; under the same key it can be asked for again."""


class UpstreamError(APIError):
    """502: the bank or the token service behind the server failed."""


_CLASSES: dict[int, type[APIError]] = {
    PROBLEMS[kind].status: error
    for kind, error in {
        Kind.INVALID: InvalidRequestError,
        Kind.UNAUTHENTICATED: AuthenticationError,
        Kind.NOT_FOUND: NotFoundError,
        Kind.CONFLICT: ConflictError,
        Kind.IDEMPOTENCY: IdempotencyError,
        Kind.RATE_LIMITED: RateLimitedError,
        Kind.INTERNAL: InternalError,
        Kind.UPSTREAM: UpstreamError,
    }.items()
}


def class_for(status: int) -> type[APIError]:
    """Gives the class of error for a status."""
    return _CLASSES.get(status, APIError)


def _rebuilt(error: type[TokenVaultError], args: tuple[Any, ...], told: dict[str, Any]) -> TokenVaultError:
    """Gives an error back from a pickle."""
    again = error.__new__(error)
    again.args = args
    again.__dict__.update({"body": b""} if issubclass(error, APIError | DecodeError) else {}, **told)
    return again


def _named(message: str, request_id: str | None) -> str:
    return f"{message} [request {request_id}]" if request_id else message
