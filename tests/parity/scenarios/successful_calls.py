"""Calls that succeed."""

from __future__ import annotations

from typing import Any

from tests.parity.scenarios.catalogue import CRYPTOGRAM, DELETE, FETCH, LIST, each, key, scenario, which
from tests.parity.styles import Sdk


@each("{}", [LIST, FETCH, CRYPTOGRAM])
def plainly(sdk: Sdk, method: str) -> Any:
    return sdk.vault(method, sdk.places.customer, which(sdk, method))


@scenario(DELETE)
def deleted(sdk: Sdk) -> Any:
    return sdk.vault(DELETE, sdk.places.departing, sdk.places.doomed[0])


@scenario("deleted again")
def deleted_again(sdk: Sdk) -> Any:
    keys = [key(sdk, "deleted"), key(sdk, "again")]
    return [sdk.vault(DELETE, sdk.places.departing, sdk.places.doomed[1], x_idempotency_key=each) for each in keys]


@scenario("all arguments by place")
def by_place(sdk: Sdk) -> Any:
    return sdk.at(sdk.places.vault, FETCH, sdk.places.customer, sdk.places.instrument, "r1", key(sdk, "by-place"))


@scenario("all arguments by name")
def by_name(sdk: Sdk) -> Any:
    named = {"customer_id": sdk.places.customer, "instrument_id": sdk.places.instrument}
    return sdk.vault(FETCH, **named, x_idempotency_key=key(sdk, "by-name"))


@scenario("no request id")
def no_request_id(sdk: Sdk) -> Any:
    headers = sdk.vault(FETCH, sdk.places.customer, sdk.places.instrument, x_request_id=None).headers
    return sorted(name.lower() for name in headers)


@scenario("no cards")
def no_cards(sdk: Sdk) -> Any:
    return sdk.vault(LIST, "parity_nobody", "card")


@each("{}, the model alone", [LIST, FETCH, CRYPTOGRAM])
def model_alone(sdk: Sdk, method: str) -> Any:
    return sdk.vault(method, sdk.places.customer, which(sdk, method), _return_http_data_only=True)


@each("{}, raw", [LIST, FETCH])
def raw(sdk: Sdk, method: str) -> Any:
    return sdk.vault(method, sdk.places.customer, which(sdk, method), _preload_content=False)


@scenario("raw and the model alone")
def raw_and_alone(sdk: Sdk) -> Any:
    both = {"_preload_content": False, "_return_http_data_only": True}
    return sdk.vault(FETCH, sdk.places.customer, sdk.places.instrument, **both)


@each("{}, not waited for", [LIST, FETCH])
def not_waited_for(sdk: Sdk, method: str) -> Any:
    begun = sdk.vault(method, sdk.places.customer, which(sdk, method), async_req=True)
    return {"kind": type(begun).__name__, "got": begun.get(10), "ready": begun.ready(), "well": begun.successful()}


@scenario("not waited for, and refused")
def refused_later(sdk: Sdk) -> Any:
    return sdk.vault(FETCH, sdk.places.customer, "nobody", async_req=True).get(10)


@each("attributes of {}", [LIST, FETCH, CRYPTOGRAM])
def attributes(sdk: Sdk, method: str) -> Any:
    data = sdk.vault(method, sdk.places.customer, which(sdk, method)).data
    one = data[0] if method == LIST else data
    names = [name for name in type(one).__annotations__ or type(one).__mro__[1].__annotations__ if name[0] != "_"]
    return {name: getattr(one, name) for name in names if name != "cryptogram"}


@scenario("details of the token")
def token_details(sdk: Sdk) -> Any:
    details = sdk.vault(FETCH, sdk.places.customer, sdk.places.instrument).data.instrument_meta.card_token_details
    return details["par"] if sdk.style < 6 else details.par


@each("version {}", ["2022-09-01", "2025-01-01"])
def in_a_version(sdk: Sdk, version: str) -> Any:
    return sdk.vault(FETCH, sdk.places.customer, sdk.places.instrument, version=version)


@scenario("printed")
def printed(sdk: Sdk) -> Any:
    """What `print` shows of a response, by whether it shows the cryptogram."""
    response = sdk.vault(CRYPTOGRAM, sdk.places.customer, sdk.places.instrument)
    return {
        "response": response.data.cryptogram in str(response),
        "model": response.data.cryptogram in str(response.data),
    }


@scenario("headers as they are written")
def as_written(sdk: Sdk) -> Any:
    return sorted(sdk.scripted(FETCH, "shouts", "i1").headers)
