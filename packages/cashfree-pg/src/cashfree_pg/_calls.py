"""From the arguments of a method to its result: what the four methods have in common."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, Final

from pydantic import StrictStr, ValidationError, create_model

from cashfree_pg._shared import ApiClient
from cashfree_pg.api_response import ApiResponse
from cashfree_pg.exceptions import (
    ApiException,
    ApiTypeError,
    ApiValueError,
    BadRequestException,
    ForbiddenException,
    NotFoundException,
    OpenApiException,
    ServiceException,
    UnauthorizedException,
)
from cashfree_pg.models import (
    CryptogramEntity,
    DeletedInstrumentEntity,
    InstrumentEntity,
    InstrumentEntityForAllSavedCard,
)
from cashfree_pg.models._model import Model
from cashfree_pg.rest import HTTPHeaderDict, RESTResponse
from tokenvault_client import APIError, TokenVaultError, UsageError, __version__
from tokenvault_client import _cashfree as manner
from tokenvault_client._calls import as_strings

_MODELS: Final[dict[str, tuple[type[Model], type[Model]]]] = {
    "PGCustomerDeleteInstrument": (InstrumentEntity, DeletedInstrumentEntity),
    "PGCustomerFetchInstrument": (InstrumentEntity, InstrumentEntity),
    "PGCustomerFetchInstruments": (InstrumentEntity, InstrumentEntityForAllSavedCard),
    "PGCustomerInstrumentsFetchCryptogram": (CryptogramEntity, CryptogramEntity),
}
"""What an answer becomes: in 4.x and 5.x, where calls begin with the version, and in 6.x."""

_CLASSES: Final[dict[int, type[ApiException]]] = {
    400: BadRequestException,
    401: UnauthorizedException,
    403: ForbiddenException,
    404: NotFoundException,
}
_PLATFORM: Final = ("x-sdk-platform", f"tokenvault-cashfree-pg-{__version__}")


def call(cashfree: Any, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:  # noqa: ANN401  # see overloads
    """Makes a call with what `cashfree` holds at this moment, in a thread of its own if it is not to be waited for.

    Raises:
        OpenApiException: It failed, or could not be made as it was asked for.
        ValidationError: An argument is not text.
    """
    version_first = cashfree.is_configured_on_class or manner.begins_with_version(given, named)
    call = _asked(name, given, named, version_first=version_first)
    older = version_first or manner.VERSION in call.arguments
    version = manner.DOCUMENTED_VERSION if cashfree.is_configured_on_class else cashfree.XApiVersion
    client = ApiClient.get_default()
    work = partial(_result, _where(cashfree, client, call), call, version, _MODELS[name][0 if older else 1])
    return client.background.begin(work) if call.options.get("async_req") else work()


def _asked(name: str, given: tuple[Any, ...], named: dict[str, Any], *, version_first: bool) -> manner.Asked:
    try:
        call = manner.asked(name, given, named, version_first=version_first)
    except TypeError as error:
        raise ApiTypeError(str(error)) from None
    if not all(isinstance(value, str) for value in call.arguments.values()):
        _check_types(call)
    return call


def _check_types(call: manner.Asked) -> None:
    """Has pydantic say what is wrong, as it does in the official package."""
    fields: dict[str, Any] = dict.fromkeys(manner.parameters(call.operation), (StrictStr, None))
    fields |= dict.fromkeys(("x_request_id", "x_idempotency_key"), (StrictStr | None, None))
    create_model(call.operation.name, **fields).model_validate(call.arguments)


def _where(cashfree: object, client: ApiClient, call: manner.Asked) -> manner.Where:
    settings = client.configuration
    try:
        return manner.Where(
            base_url=manner.base_url(cashfree, settings.elsewhere),
            sign_in=manner.signed_in(cashfree, call.options.get("_request_auth")),
            transport=client.transport,
            max_retries=settings.retries,
            headers=(*client.default_headers.items(), _PLATFORM),
        )
    except UsageError as error:
        raise ApiValueError(str(error)) from error


def _result(where: manner.Where, call: manner.Asked, version: str, model: type[Model]) -> Any:  # noqa: ANN401  # see overloads
    try:
        answer = manner.perform(where, call, version=version)
    except TokenVaultError as error:
        raise exception(error) from error
    only_data = call.options.get("_return_http_data_only")
    if not (only_data or call.options.get("_preload_content", True)):
        return ApiResponse(answer.status, HTTPHeaderDict(answer.headers), None, answer.body)
    data = _read(answer.status, answer.body, model, many=call.operation.many)
    if only_data:
        return data
    return ApiResponse(answer.status, HTTPHeaderDict(answer.headers), data, answer.body.decode())


def _read(status: int, body: bytes, model: type[Model], *, many: bool) -> Model | list[Model]:
    """Gives the models of a body; without a cause if there are none, since its words could quote a cryptogram."""
    try:
        loaded = json.loads(body)
        try:
            return _made(loaded, model, many=many)
        except ValidationError:
            return _made(as_strings(loaded), model, many=many)
    except (ValueError, RecursionError):
        raise ApiException(status, "The call succeeded, but its answer is not of this API") from None


def _made(loaded: Any, model: type[Model], *, many: bool) -> Model | list[Model]:  # noqa: ANN401  # any JSON
    if not many:
        return model.model_validate(loaded)
    if not isinstance(loaded, list):
        raise ValueError("the API answers with a list")  # noqa: TRY004  # said by the caller, as other unfit bodies are
    return [model.model_validate(each) for each in loaded]


def exception(error: TokenVaultError) -> OpenApiException:
    """Gives the exception of this package that an error of the client is."""
    match error:
        case UsageError():
            return ApiValueError(str(error))
        case APIError():
            kind = ServiceException if 500 <= error.status <= 599 else _CLASSES.get(error.status, ApiException)
            return kind(http_resp=RESTResponse.of(error))
        case _:
            return ApiException(0, str(error))
