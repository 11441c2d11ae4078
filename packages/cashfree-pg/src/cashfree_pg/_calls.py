"""The common part of all methods: from the arguments of a method to its result."""

from __future__ import annotations

from functools import partial
from typing import Any, Final
from uuid import UUID

from pydantic import StrictStr, create_model

from cashfree_pg import exceptions, models
from cashfree_pg._api_client import ApiClient
from cashfree_pg.api_response import ApiResponse
from cashfree_pg.models import (
    CryptogramEntity,
    DeletedInstrumentEntity,
    InstrumentEntity,
    InstrumentEntityForAllSavedCard,
)
from cashfree_pg.models._model import Model
from cashfree_pg.rest import HTTPHeaderDict
from tokenvault_client import UsageError, __version__, integration
from tokenvault_client.integration import CallTarget, RequestedCall

_MODELS: Final[dict[str, tuple[type[Model], type[Model]]]] = {
    "PGCustomerDeleteInstrument": (InstrumentEntity, DeletedInstrumentEntity),
    "PGCustomerFetchInstrument": (InstrumentEntity, InstrumentEntity),
    "PGCustomerFetchInstruments": (InstrumentEntity, InstrumentEntityForAllSavedCard),
    "PGCustomerInstrumentsFetchCryptogram": (CryptogramEntity, CryptogramEntity),
    **{
        operation.name: (getattr(models, operation.returns.__name__),) * 2
        for operation in integration.PAYMENT_METHODS.values()
    },
}
"""The model of a method's result: first in 4.x and 5.x, where calls begin with the version, then in 6.x."""

_REFERENCES: Final = ("x_request_id", "x_idempotency_key")
_DIALECT: Final = integration.Dialect(ApiResponse, HTTPHeaderDict, exceptions)
_PLATFORM: Final = ("x-sdk-platform", f"tokenvault-cashfree-pg-{__version__}")


def call(cashfree: Any, method: str, positional: tuple[Any, ...], named: dict[str, Any]) -> Any:  # noqa: ANN401  # see overloads
    """Make a call with the current settings of a `Cashfree` object; with `async_req`, in a background thread.

    Raises:
        OpenApiException: The call failed or is invalid.
        ValidationError: An argument is not text.
    """
    # 1. Find the calling convention: 4.x and 5.x pass the API version first, 6.x does not.
    version_first = cashfree.is_configured_on_class or integration.begins_with_version(positional, named)
    requested = _bind(method, positional, named, version_first=version_first)
    # 2. Choose the model and the default version of that convention.
    is_older = version_first or integration.VERSION_ARGUMENT in requested.arguments
    version = integration.DEFAULT_VERSION if cashfree.is_configured_on_class else cashfree.XApiVersion
    model = _MODELS[method][0 if is_older else 1].model_validate
    # 3. Read the credentials and settings now, so that later changes do not affect this call.
    client = ApiClient.get_default()
    work = partial(_DIALECT.result, _target(cashfree, client, requested), requested, version, model)
    return client.background.start(work) if requested.options.get("async_req") else work()


def _bind(method: str, positional: tuple[Any, ...], named: dict[str, Any], *, version_first: bool) -> RequestedCall:
    try:
        requested = integration.bind_arguments(method, positional, named, version_first=version_first)
    except TypeError as error:
        raise exceptions.ApiTypeError(str(error)) from None
    arguments = {
        name: str(value) if name in _REFERENCES and isinstance(value, UUID) else value
        for name, value in requested.arguments.items()
    }
    requested = requested._replace(arguments=arguments)
    if not all(isinstance(value, str) for value in arguments.values()):
        return _validated(requested)
    return requested


def _validated(requested: RequestedCall) -> RequestedCall:
    """Let pydantic report an argument of the wrong type, and make a model of a dictionary, as officially."""
    operation = requested.operation
    fields: dict[str, Any] = dict.fromkeys(integration.parameters(operation), (StrictStr, None))
    fields |= dict.fromkeys(_REFERENCES, (StrictStr | None, None))
    body = integration.body_parameter(operation)
    if body and operation.takes:
        fields[body] = (getattr(models, operation.takes.__name__), None)
    validated = create_model(operation.name, **fields).model_validate(requested.arguments)
    if body is None:
        return requested
    return requested._replace(arguments={**requested.arguments, body: getattr(validated, body)})


def _target(cashfree: object, client: ApiClient, requested: RequestedCall) -> CallTarget:
    settings = client.configuration
    try:
        return CallTarget(
            base_url=integration.base_url(cashfree, settings.custom_host),
            credentials=_credentials(cashfree, requested),
            transport=client.transport,
            max_retries=settings.retries,
            headers=integration.Secret((*client.default_headers.items(), _PLATFORM)),
        )
    except UsageError as error:
        raise exceptions.ApiValueError(str(error)) from error


def _credentials(cashfree: object, requested: RequestedCall) -> integration.Secret[Any]:
    """Return the headers that authenticate a call: none where the body or the path names a payment session."""
    if requested.operation.by_session:
        return integration.Secret(())
    return integration.credential_headers(cashfree, requested.options.get("_request_auth"))
