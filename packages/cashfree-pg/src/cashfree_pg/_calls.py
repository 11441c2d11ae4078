"""From the arguments of a method to its result: what the four methods have in common."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from pydantic import StrictStr, create_model

from cashfree_pg import exceptions
from cashfree_pg._shared import ApiClient
from cashfree_pg.api_response import ApiResponse
from cashfree_pg.models import (
    CryptogramEntity,
    DeletedInstrumentEntity,
    InstrumentEntity,
    InstrumentEntityForAllSavedCard,
)
from cashfree_pg.models._model import Model
from cashfree_pg.rest import HTTPHeaderDict
from tokenvault_client import UsageError, __version__
from tokenvault_client import _cashfree as manner
from tokenvault_client._dialect import Dialect

_MODELS: Final[dict[str, tuple[type[Model], type[Model]]]] = {
    "PGCustomerDeleteInstrument": (InstrumentEntity, DeletedInstrumentEntity),
    "PGCustomerFetchInstrument": (InstrumentEntity, InstrumentEntity),
    "PGCustomerFetchInstruments": (InstrumentEntity, InstrumentEntityForAllSavedCard),
    "PGCustomerInstrumentsFetchCryptogram": (CryptogramEntity, CryptogramEntity),
}
"""What an answer becomes: in 4.x and 5.x, where calls begin with the version, and in 6.x."""

_DIALECT: Final = Dialect(ApiResponse, HTTPHeaderDict, exceptions)
_PLATFORM: Final = ("x-sdk-platform", f"tokenvault-cashfree-pg-{__version__}")


def call(cashfree: Any, name: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:  # noqa: ANN401  # see overloads
    """Makes a call with what `cashfree` holds at this moment, in a thread of its own if it is not to be waited for.

    Raises:
        OpenApiException: It failed, or could not be made as it was asked for.
        ValidationError: An argument is not text.
    """
    version_first = cashfree.is_configured_on_class or manner.begins_with_version(given, named)
    asked = _asked(name, given, named, version_first=version_first)
    older = version_first or manner.VERSION in asked.arguments
    version = manner.DOCUMENTED_VERSION if cashfree.is_configured_on_class else cashfree.XApiVersion
    client = ApiClient.get_default()
    model = _MODELS[name][0 if older else 1].model_validate
    work = partial(_DIALECT.result, _where(cashfree, client, asked), asked, version, model)
    return client.background.begin(work) if asked.options.get("async_req") else work()


def _asked(name: str, given: tuple[Any, ...], named: dict[str, Any], *, version_first: bool) -> manner.Asked:
    try:
        asked = manner.asked(name, given, named, version_first=version_first)
    except TypeError as error:
        raise exceptions.ApiTypeError(str(error)) from None
    if not all(isinstance(value, str) for value in asked.arguments.values()):
        _check_types(asked)
    return asked


def _check_types(asked: manner.Asked) -> None:
    """Has pydantic say what is wrong, as it does in the official package."""
    fields: dict[str, Any] = dict.fromkeys(manner.parameters(asked.operation), (StrictStr, None))
    fields |= dict.fromkeys(("x_request_id", "x_idempotency_key"), (StrictStr | None, None))
    create_model(asked.operation.name, **fields).model_validate(asked.arguments)


def _where(cashfree: object, client: ApiClient, asked: manner.Asked) -> manner.Where:
    settings = client.configuration
    try:
        return manner.Where(
            base_url=manner.base_url(cashfree, settings.elsewhere),
            sign_in=manner.signed_in(cashfree, asked.options.get("_request_auth")),
            transport=client.transport,
            max_retries=settings.retries,
            headers=(*client.default_headers.items(), _PLATFORM),
        )
    except UsageError as error:
        raise exceptions.ApiValueError(str(error)) from error
