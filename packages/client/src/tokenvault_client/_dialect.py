"""Answers in the classes of a cashfree_pg package, be it the official one or the drop-in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec

from tokenvault_client._calls import as_strings
from tokenvault_client._cashfree import Asked, Where, perform
from tokenvault_client.errors import APIError, TokenVaultError, UsageError
from tokenvault_client.results import Answer

_STATUSES: Final = frozenset(HTTPStatus)
_CLASSES: Final = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    403: "ForbiddenException",
    404: "NotFoundException",
}


class RESTResponse:
    """A refusal, as an `ApiException` takes it."""

    def __init__(self, status: int, data: str, headers: Mapping[str, str]) -> None:
        self.status = status
        self.reason = HTTPStatus(status).phrase if status in _STATUSES else None
        self.data = data
        self._headers = headers

    def getheaders(self) -> Mapping[str, str]:
        """Gives the headers of the answer."""
        return self._headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """Gives one header of the answer."""
        return self._headers.get(name, default)


class Dialect(NamedTuple):
    """The classes of one package."""

    response: Callable[[int, Any, Any, Any], Any]
    """`ApiResponse(status_code, headers, data, raw_data)`."""
    headers: Callable[[Mapping[str, str]], Mapping[str, str]]
    exceptions: Any
    """The module of that name."""

    def result(self, where: Where, call: Asked, version: str | None, model: Callable[[Any], Any]) -> Any:  # noqa: ANN401
        """Makes a call and gives what its options ask for: a response, with a model or without, or the model alone.

        Raises:
            OpenApiException: One of the package's.
        """
        try:
            answer = perform(where, call, version=version)
        except TokenVaultError as error:
            raise self.exception(error) from error
        alone = call.options.get("_return_http_data_only")
        if not (alone or call.options.get("_preload_content", True)):
            return self.response(answer.status, self.headers(answer.headers), None, answer.body)
        data = self._read(answer, model, many=call.operation.many)
        if alone:
            return data
        return self.response(answer.status, self.headers(answer.headers), data, answer.body.decode())

    def exception(self, error: TokenVaultError) -> Exception:
        """Gives the package's exception for an error of the client."""
        kind = self.exceptions.ApiException
        made: Exception
        match error:
            case UsageError():
                made = self.exceptions.ApiValueError(str(error))
            case APIError():
                name = "ServiceException" if 500 <= error.status <= 599 else _CLASSES.get(error.status, "ApiException")
                body = error.body.decode(errors="replace")
                refusal = RESTResponse(error.status, body, self.headers(error.headers))
                made = getattr(self.exceptions, name)(http_resp=refusal)
            case _:
                made = kind(0, str(error))
        return made

    def _read(self, answer: Answer[bytes], model: Callable[[Any], Any], *, many: bool) -> Any:  # noqa: ANN401
        """Gives the models of a body; without a cause if there are none, since its words could quote a cryptogram."""
        try:
            loaded = msgspec.json.decode(answer.body)
            try:
                return _made(loaded, model, many=many)
            except ValueError:
                return _made(as_strings(loaded), model, many=many)
        except (ValueError, msgspec.DecodeError, RecursionError):
            told = "The call succeeded, but its answer is not of this API"
            raise self.exceptions.ApiException(answer.status, told) from None


def _made(loaded: Any, model: Callable[[Any], Any], *, many: bool) -> Any:  # noqa: ANN401  # any JSON, any package
    if not isinstance(loaded, list if many else dict):
        raise ValueError("not what this call is answered with")  # noqa: TRY004  # as for any other unfit body
    return [model(each) for each in loaded] if many else model(loaded)
