"""The response behind an exception, and the exceptions: users import them from `cashfree_pg.rest`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cashfree_pg.exceptions import (
    ApiException,
    ApiValueError,
    BadRequestException,
    ForbiddenException,
    NotFoundException,
    ServiceException,
    UnauthorizedException,
)
from tokenvault_client.integration import RESTResponse

__all__ = [
    "ApiException",
    "ApiValueError",
    "BadRequestException",
    "ForbiddenException",
    "HTTPHeaderDict",
    "NotFoundException",
    "RESTResponse",
    "ServiceException",
    "UnauthorizedException",
]


class HTTPHeaderDict(Mapping[str, str]):
    """The headers of a response, with names in any case."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = {name.lower(): value for name, value in headers.items()}

    def __getitem__(self, name: str) -> str:
        return self._headers[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._headers

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)

    def getlist(self, name: str, default: list[str] | None = None) -> list[str]:
        """Return the values of a header. This package keeps the last value of a repeated header only."""
        return [self[name]] if name in self else (default or [])

    def getheaders(self, name: str, default: list[str] | None = None) -> list[str]:
        """Return what `getlist` returns."""
        return self.getlist(name, default)

    def getallmatchingheaders(self, name: str, default: list[str] | None = None) -> list[str]:
        """Return what `getlist` returns."""
        return self.getlist(name, default)

    def get_all(self, name: str, default: list[str] | None = None) -> list[str]:
        """Return what `getlist` returns."""
        return self.getlist(name, default)

    def iget(self, name: str, default: list[str] | None = None) -> list[str]:
        """Return what `getlist` returns."""
        return self.getlist(name, default)

    def __repr__(self) -> str:
        return f"HTTPHeaderDict({self._headers})"
