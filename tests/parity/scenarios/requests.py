"""The request of a call, as the server receives it."""

from __future__ import annotations

import json
from typing import Any

from tests.parity.scenarios.catalogue import DELETE, FETCH, LIST, ONE_CARD, each, scenario
from tests.parity.styles import Sdk


@scenario("the version of the argument")
def version_argument(sdk: Sdk) -> Any:
    """In 6.x, there is no such argument."""
    named = {} if sdk.style > 5 else {"x_api_version": "2022-09-01"}
    return sent_version(sdk, **named)


@scenario("the version without an argument")
def version_of_none(sdk: Sdk) -> Any:
    return sent_version(sdk)


def sent_version(sdk: Sdk, **named: str) -> Any:
    sdk.set_address(sdk.settings.scripted)
    return received(sdk.create_cashfree().PGCustomerFetchInstrument(customer_id="echo", instrument_id="i1", **named))[
        "sent"
    ].get("x-api-version")


def received(response: Any) -> Any:
    """Return the request that the server received, which it echoes as the name of the bank."""
    entity = response.data[0] if isinstance(response.data, list) else response.data
    request = json.loads(entity.instrument_meta.card_bank_name)
    headers = {name: value for name, value in request["headers"] if name != "host"}
    return {"method": request["method"], "target": request["target"], "sent": headers}


@each("{} as received by the server", [LIST, FETCH, DELETE])
def as_received(sdk: Sdk, method: str) -> Any:
    return received(sdk.scripted(method, "echo", ONE_CARD[method], x_request_id="r1", x_idempotency_key="k1"))


@scenario("an id with special characters as received by the server")
def special_characters(sdk: Sdk) -> Any:
    return received(sdk.scripted(FETCH, "echo", "a/b c%é?x#y&=;:@+~", x_request_id="r1"))["target"]


@scenario("additional headers")
def additional_headers(sdk: Sdk) -> Any:
    extra = {"x-trace": "t1", "x-request-id": "mine"}
    sent = received(sdk.scripted(FETCH, "echo", "i1", _headers=extra))["sent"]
    return {name: sent.get(name) for name in extra}


@scenario("additional headers that the SDK sets")
def reserved_headers(sdk: Sdk) -> Any:
    extra = {"x-client-id": "other", "x-request-id": "mine", "x-sdk-platform": "mine"}
    sent = received(sdk.scripted(FETCH, "echo", "i1", x_request_id="r1", _headers=extra))["sent"]
    return {
        "client": sent["x-client-id"] != "other",
        "request": sent["x-request-id"],
        "sdk": sent["x-sdk-platform"] != "mine",
    }


@scenario("credentials of one call")
def request_auth(sdk: Sdk) -> Any:
    auth = {"type": "api_key", "in": "header", "key": "x-partner-apikey", "value": "pk"}
    sent = received(sdk.scripted(FETCH, "echo", "i1", _request_auth=auth))["sent"]
    return {name: value for name, value in sent.items() if name.startswith(("x-client", "x-partner"))}


PAIRS = {
    "client id and partner key": {"XClientId": "id", "XPartnerKey": "pk"},
    "partner merchant id and partner key": {"XPartnerMerchantId": "pm", "XPartnerKey": "pk"},
    "client id and signature": {"XClientId": "id", "XClientSignature": "sig"},
    "everything at once": {
        "XClientId": "id",
        "XClientSecret": "secret",
        "XPartnerKey": "pk",
        "XPartnerMerchantId": "pm",
        "XClientSignature": "sig",
    },
    "nothing": {"XClientId": ""},
}


@each("authenticated with {}", [*PAIRS])
def authenticated(sdk: Sdk, name: str) -> Any:
    sent = received(sdk.scripted(FETCH, "echo", "i1", by=sdk.create_cashfree(**PAIRS[name])))["sent"]
    return {name: value for name, value in sent.items() if name.startswith(("x-client", "x-partner"))}
