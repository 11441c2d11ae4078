"""What the four methods raise: the classes and attributes of the official package.

    OpenApiException
    ├── ApiTypeError, ApiValueError, ApiAttributeError, ApiKeyError    yours: nothing was sent
    └── ApiException                 an answer that says no; `status` is 0 where no answer came
        ├── BadRequestException      400
        ├── UnauthorizedException    401
        ├── ForbiddenException       403
        ├── NotFoundException        404
        └── ServiceException         500 to 599

`__cause__` of each is the error of `tokenvault_client`, which tells more: whether a call may have arrived, say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

Path = Sequence[str | int]


class HttpResponse(Protocol):
    """What an `ApiException` is made from."""

    status: int
    reason: str | None
    data: Any

    def getheaders(self) -> Mapping[str, str]:
        """Gives the headers of the answer."""
        ...


class OpenApiException(Exception):  # the official name
    """Whatever this package raises."""


class ApiTypeError(OpenApiException, TypeError):
    """An argument that is missing, unknown or given twice."""

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
    """An argument or a setting that cannot be used."""

    def __init__(self, msg: str, path_to_item: Path | None = None) -> None:
        super().__init__(_message(msg, path_to_item))
        self.path_to_item = path_to_item


class ApiAttributeError(OpenApiException, AttributeError):
    """A part of the official package that this one does not have."""

    def __init__(self, msg: str, path_to_item: Path | None = None) -> None:
        super().__init__(_message(msg, path_to_item))
        self.path_to_item = path_to_item


class ApiKeyError(OpenApiException, KeyError):
    """A key that is not there. Never raised: it is here to be named in an `except`."""

    def __init__(self, msg: str, path_to_item: Path | None = None) -> None:
        super().__init__(_message(msg, path_to_item))
        self.path_to_item = path_to_item


class ApiException(OpenApiException):
    """An answer that is not a success, or no answer: `status`, `reason`, `body` and `headers` say which."""

    def __init__(
        self, status: int | None = None, reason: str | None = None, http_resp: HttpResponse | None = None
    ) -> None:
        super().__init__()
        self.status: int | None = http_resp.status if http_resp else status
        self.reason: str | None = http_resp.reason if http_resp else reason
        self.body: Any = http_resp.data if http_resp else None
        self.headers: Mapping[str, str] | None = http_resp.getheaders() if http_resp else None

    def __str__(self) -> str:
        """Tell what came, in the official words."""
        told = f"({self.status})\nReason: {self.reason}\n"
        if self.headers:
            told += f"HTTP response headers: {self.headers}\n"
        if self.body:
            told += f"HTTP response body: {self.body}\n"
        return told


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
    """Gives a place as it would be written in Python."""
    return "".join(f"[{step!r}]" for step in path_to_item)


def _message(msg: str, path_to_item: Path | None) -> str:
    return f"{msg} at {render_path(path_to_item)}" if path_to_item else msg
