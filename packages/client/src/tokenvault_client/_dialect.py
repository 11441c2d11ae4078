"""Responses and exceptions in the classes of a `cashfree_pg` package, either the official one or the drop-in."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec

from tokenvault_client._calling_convention import CallTarget, RequestedCall, perform
from tokenvault_client._decoding import numbers_as_text
from tokenvault_client._secrets import hides_locals
from tokenvault_client.errors import APIError, RouteNotFoundError, TokenVaultError, UsageError
from tokenvault_client.results import Answer

logger: Final = logging.getLogger("tokenvault_client")

_STATUSES: Final = frozenset(HTTPStatus)
_CLASSES: Final = {
    400: "BadRequestException",
    401: "UnauthorizedException",
    403: "ForbiddenException",
    404: "NotFoundException",
}


class RESTResponse:
    """An error response, in the form that an `ApiException` takes."""

    def __init__(self, status: int, data: str, headers: Mapping[str, str]) -> None:
        self.status = status
        self.reason: str | None = HTTPStatus(status).phrase if status in _STATUSES else None
        self.data = data
        self._headers = headers

    def getheaders(self) -> Mapping[str, str]:
        """Return the headers of the response."""
        return self._headers

    def getheader(self, name: str, default: str | None = None) -> str | None:
        """Return one header of the response."""
        return self._headers.get(name, default)


class Dialect(NamedTuple):
    """The classes of one `cashfree_pg` package."""

    response: Callable[[int, Any, Any, Any], Any]
    """`ApiResponse(status_code, headers, data, raw_data)`."""
    headers: Callable[[Mapping[str, str]], Mapping[str, str]]
    """The class for the headers of a response."""
    exceptions: Any
    """The package's module `exceptions`."""

    @hides_locals
    def result(self, target: CallTarget, call: RequestedCall, version: str | None, model: Callable[[Any], Any]) -> Any:  # noqa: ANN401  # a class of the package
        """Make a call and return what its options request: a response, with or without a model, or the model alone.

        Args:
            target: Where to send the call.
            call: The call.
            version: The API version for a call that names none.
            model: Creates a model of the package from the decoded JSON.

        Raises:
            OpenApiException: The call failed. This is a class of the package.
        """
        try:
            answer = perform(target, call, version=version)
        except TokenVaultError as error:
            raise self.exception(error) from error
        data_only = call.options.get("_return_http_data_only")
        if not (data_only or call.options.get("_preload_content", True)):
            return self.response(answer.status, self.headers(answer.headers), None, answer.body)
        data = self._models(answer, model, many=call.operation.many)
        if data_only:
            return data
        return self.response(answer.status, self.headers(answer.headers), data, answer.body.decode())

    def exception(self, error: TokenVaultError) -> Exception:
        """Return the exception of the package for an error of the client."""
        exception: Exception
        match error:
            case UsageError():
                exception = self.exceptions.ApiValueError(str(error))
            case APIError():
                name = "ServiceException" if 500 <= error.status <= 599 else _CLASSES.get(error.status, "ApiException")
                body = error.body.decode(errors="replace")
                response = RESTResponse(error.status, body, self.headers(error.headers))
                exception = getattr(self.exceptions, name)(http_resp=response)
                # The official text of an exception shows headers and body only. A note stands below it in a traceback.
                if isinstance(error, RouteNotFoundError):
                    exception.add_note(f"this is not about the card: {error.message}")
            case _:
                exception = self.exceptions.ApiException(0, str(error))
        return exception

    def _models(self, answer: Answer[bytes], model: Callable[[Any], Any], *, many: bool) -> Any:  # noqa: ANN401
        try:
            loaded = msgspec.json.decode(answer.body)
            return _list_of_models(loaded, model) if many else _model(loaded, model)
        except (ValueError, msgspec.DecodeError, RecursionError):
            message = "The call succeeded, but its response is not one of this API"
        # This is raised here, because inside `except` its context would be an error that may quote a cryptogram.
        raise self.exceptions.ApiException(answer.status, message)


def _list_of_models(loaded: Any, model: Callable[[Any], Any]) -> list[Any]:  # noqa: ANN401  # any JSON
    """Return the models of a list, without the fields that have another type than documented.

    An element that is no object is left out, and a warning is logged.
    """
    if not isinstance(loaded, list):
        raise ValueError("the body is not a list")  # noqa: TRY004  # as for any other invalid body
    found = []
    for element in loaded:
        try:
            found.append(_model(element, model))
        except ValueError as error:
            odd = {part["loc"][0] for part in getattr(error, "errors", list)()}
            if odd and isinstance(element, dict):
                text = numbers_as_text(element)
                found.append(model({name: value for name, value in text.items() if name not in odd}))
            else:
                logger.warning("an element of a list of cards is not an object and was left out")
    return found


def _model(loaded: Any, model: Callable[[Any], Any]) -> Any:  # noqa: ANN401  # any JSON
    """Return the model of an object.

    Raises:
        ValueError: This is not an object, or a field has another type than documented.
    """
    if not isinstance(loaded, dict):
        raise ValueError("the body is not an object")  # noqa: TRY004  # as for any other invalid body
    try:
        return model(loaded)
    except ValueError:
        return model(numbers_as_text(loaded))
