"""The exceptions of the four methods: the classes and attributes of the official package.

    OpenApiException
    ├── ApiTypeError, ApiValueError, ApiAttributeError, ApiKeyError    the caller's: nothing was sent
    └── ApiException                 an error response; `status` is 0 if no response arrived
        ├── BadRequestException      400
        ├── UnauthorizedException    401
        ├── ForbiddenException       403
        ├── NotFoundException        404
        └── ServiceException         500 to 599

The `__cause__` of each is the error of `tokenvault_client`. It contains more, such as whether a call may have arrived.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Path = Sequence[str | int]


class HttpResponse(Protocol):
    """The error response that an `ApiException` is created from."""

    status: int
    reason: str | None
    data: Any

    def getheaders(self) -> Mapping[str, str]:
        """Return the headers of the response."""
        ...


class OpenApiException(Exception):  # the official name
    """The base class of every exception of this package."""


class ApiTypeError(OpenApiException, TypeError):
    """An argument is missing, unknown, or passed twice."""

    def __init__(
        self,
        msg: str,
        path_to_item: Path | None = None,
        valid_classes: tuple[type, ...] | None = None,
        key_type: bool | None = None,  # noqa: FBT001  # the official order
    ) -> None:
        super().__init__(_message(msg, path_to_item))
        self.path_to_item = path_to_item
        self.valid_classes = valid_classes
        self.key_type = key_type


class ApiValueError(OpenApiException, ValueError):
    """An argument or a setting is invalid."""

    def __init__(self, msg: str, path_to_item: Path | None = None) -> None:
        super().__init__(_message(msg, path_to_item))
        self.path_to_item = path_to_item


class ApiAttributeError(OpenApiException, AttributeError):
    """A part of the official package is absent in this one."""

    def __init__(self, msg: str, path_to_item: Path | None = None) -> None:
        super().__init__(_message(msg, path_to_item))
        self.path_to_item = path_to_item


class ApiKeyError(OpenApiException, KeyError):
    """A key is absent. This package never raises it; it exists for `except` clauses."""

    def __init__(self, msg: str, path_to_item: Path | None = None) -> None:
        super().__init__(_message(msg, path_to_item))
        self.path_to_item = path_to_item


class ApiException(OpenApiException):
    """An error response, in `status`, `reason`, `body` and `headers`, or no response."""

    def __init__(
        self, status: int | None = None, reason: str | None = None, http_resp: HttpResponse | None = None
    ) -> None:
        super().__init__()
        self.status: int | None = http_resp.status if http_resp else status
        self.reason: str | None = http_resp.reason if http_resp else reason
        self.body: Any = http_resp.data if http_resp else None
        self.headers: Mapping[str, str] | None = http_resp.getheaders() if http_resp else None

    def __str__(self) -> str:
        """Format the response as the official package does."""
        text = f"({self.status})\nReason: {self.reason}\n"
        if self.headers:
            text += f"HTTP response headers: {self.headers}\n"
        if self.body:
            text += f"HTTP response body: {self.body}\n"
        return text


class BadRequestException(ApiException):
    """400."""


class NotFoundException(ApiException):
    """404."""


class UnauthorizedException(ApiException):
    """401."""


class ForbiddenException(ApiException):
    """403."""


class ServiceException(ApiException):
    """500 to 599."""


def render_path(path_to_item: Path) -> str:
    """Return a path in the notation of Python."""
    return "".join(f"[{step!r}]" for step in path_to_item)


def _message(msg: str, path_to_item: Path | None) -> str:
    return f"{msg} at {render_path(path_to_item)}" if path_to_item else msg
