"""Public names: classes, exceptions and settings."""

from __future__ import annotations

from typing import Any

from tests.parity.scenarios.catalogue import each, scenario
from tests.parity.styles import Sdk, module

NAMES = {
    "": [
        "ApiClient", "ApiResponse", "Configuration", "OpenApiException", "ApiTypeError", "ApiValueError", "ApiKeyError",
        "ApiAttributeError", "ApiException", "InstrumentEntity", "CryptogramEntity", "SavedInstrumentMeta", "ApiError",
        "ApiError404", "ApiError409", "ApiError502", "AuthenticationError", "BadRequestError", "IdempotencyError",
        "RateLimitError", "Cashfree",
    ],
    "api_client": ["ApiClient", "CFEnvironment", "Cashfree", "PGWebhookEvent"],
    "api_response": ["ApiResponse"],
    "configuration": ["Configuration"],
    "exceptions": [
        "OpenApiException", "ApiTypeError", "ApiValueError", "ApiAttributeError", "ApiKeyError", "ApiException",
        "BadRequestException", "NotFoundException", "UnauthorizedException", "ForbiddenException", "ServiceException",
        "render_path",
    ],
    "rest": ["ApiException", "ApiValueError", "NotFoundException", "RESTResponse"],
    "models": ["InstrumentEntity", "CryptogramEntity", "SavedInstrumentMeta", "InstrumentWebhook"],
}  # fmt: skip


@each("names in cashfree_pg.{}", [*NAMES])
def names(sdk: Sdk, name: str) -> Any:
    imported = module(name) if name else __import__("cashfree_pg")
    return {each: hasattr(imported, each) for each in NAMES[name]}


@each("chain of {}", NAMES["exceptions"][:-1])
def chain(sdk: Sdk, name: str) -> Any:
    return [each.__name__ for each in getattr(module("exceptions"), name).__mro__]


@scenario("exceptions created directly")
def created_directly(sdk: Sdk) -> Any:
    exceptions = module("exceptions")
    created = [
        exceptions.ApiException(404, "gone"),
        exceptions.NotFoundException(status=404, reason="gone"),
        exceptions.ApiTypeError("odd", path_to_item=["a", 0]),
        exceptions.ApiValueError("odd", ["a", 0]),
    ]
    return [[str(each), each.__dict__] for each in created]


@scenario("settings of the class")
def settings(sdk: Sdk) -> Any:
    names = ("XProduction", "XSandbox", "PRODUCTION", "SANDBOX", "Sandbox")
    return {name: str(getattr(sdk.Cashfree, name, None)) for name in names}


@scenario("a class without arguments")
def without_arguments(sdk: Sdk) -> Any:
    return type(sdk.Cashfree()).__name__
