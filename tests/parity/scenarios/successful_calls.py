"""Successful calls."""

from __future__ import annotations

from typing import Any

from tests.parity.scenarios.catalogue import CRYPTOGRAM, DELETE, FETCH, LIST, each, key, scenario, second_argument
from tests.parity.styles import Sdk


@each("{}", [LIST, FETCH, CRYPTOGRAM])
def default_style(sdk: Sdk, method: str) -> Any:
    return sdk.vault(method, sdk.settings.customer, second_argument(sdk, method))


@scenario(DELETE)
def deleted(sdk: Sdk) -> Any:
    return sdk.vault(DELETE, sdk.settings.deleting_customer, sdk.settings.cards_to_delete[0])


@scenario("deleted again")
def deleted_again(sdk: Sdk) -> Any:
    keys = [key(sdk, "deleted"), key(sdk, "again")]
    return [
        sdk.vault(DELETE, sdk.settings.deleting_customer, sdk.settings.cards_to_delete[1], x_idempotency_key=each)
        for each in keys
    ]


@scenario("all positional arguments")
def positional(sdk: Sdk) -> Any:
    return sdk.at(
        sdk.settings.vault, FETCH, sdk.settings.customer, sdk.settings.instrument, "r1", key(sdk, "positional")
    )


@scenario("all named arguments")
def named_arguments(sdk: Sdk) -> Any:
    named = {"customer_id": sdk.settings.customer, "instrument_id": sdk.settings.instrument}
    return sdk.vault(FETCH, **named, x_idempotency_key=key(sdk, "named"))


@scenario("no request id")
def no_request_id(sdk: Sdk) -> Any:
    headers = sdk.vault(FETCH, sdk.settings.customer, sdk.settings.instrument, x_request_id=None).headers
    return sorted(name.lower() for name in headers)


@scenario("no cards")
def no_cards(sdk: Sdk) -> Any:
    return sdk.vault(LIST, "parity_nobody", "card")


@each("{}, model only", [LIST, FETCH, CRYPTOGRAM])
def model_only(sdk: Sdk, method: str) -> Any:
    return sdk.vault(method, sdk.settings.customer, second_argument(sdk, method), _return_http_data_only=True)


@each("{}, raw", [LIST, FETCH])
def raw(sdk: Sdk, method: str) -> Any:
    return sdk.vault(method, sdk.settings.customer, second_argument(sdk, method), _preload_content=False)


@scenario("raw and model only")
def raw_and_model_only(sdk: Sdk) -> Any:
    both = {"_preload_content": False, "_return_http_data_only": True}
    return sdk.vault(FETCH, sdk.settings.customer, sdk.settings.instrument, **both)


@each("{}, asynchronous", [LIST, FETCH])
def asynchronous(sdk: Sdk, method: str) -> Any:
    result = sdk.vault(method, sdk.settings.customer, second_argument(sdk, method), async_req=True)
    return {
        "kind": type(result).__name__,
        "got": result.get(10),
        "ready": result.ready(),
        "successful": result.successful(),
    }


@scenario("asynchronous, not found")
def not_found_later(sdk: Sdk) -> Any:
    return sdk.vault(FETCH, sdk.settings.customer, "nobody", async_req=True).get(10)


@each("attributes of {}", [LIST, FETCH, CRYPTOGRAM])
def attributes(sdk: Sdk, method: str) -> Any:
    data = sdk.vault(method, sdk.settings.customer, second_argument(sdk, method)).data
    one = data[0] if method == LIST else data
    names = [name for name in type(one).__annotations__ or type(one).__mro__[1].__annotations__ if name[0] != "_"]
    return {name: getattr(one, name) for name in names if name != "cryptogram"}


@scenario("details of the token")
def token_details(sdk: Sdk) -> Any:
    details = sdk.vault(FETCH, sdk.settings.customer, sdk.settings.instrument).data.instrument_meta.card_token_details
    return details["par"] if sdk.style < 6 else details.par


@each("version {}", ["2022-09-01", "2025-01-01"])
def in_a_version(sdk: Sdk, version: str) -> Any:
    return sdk.vault(FETCH, sdk.settings.customer, sdk.settings.instrument, version=version)


@scenario("repr")
def printed(sdk: Sdk) -> Any:
    """Return whether printing a response shows its cryptogram."""
    response = sdk.vault(CRYPTOGRAM, sdk.settings.customer, sdk.settings.instrument)
    return {
        "response": response.data.cryptogram in str(response),
        "model": response.data.cryptogram in str(response.data),
    }


@scenario("spelling of headers")
def spelling(sdk: Sdk) -> Any:
    return sorted(sdk.scripted(FETCH, "mixed-case-header", "i1").headers)
