"""What a server hears of a call."""

from __future__ import annotations

import json
from typing import Any

from tests.parity.scenarios.catalogue import DELETE, FETCH, LIST, ONE_CARD, each, scenario
from tests.parity.styles import Sdk


@scenario("the version of the argument")
def version_argument(sdk: Sdk) -> Any:
    """6.x has no such argument."""
    named = {} if sdk.style > 5 else {"x_api_version": "2022-09-01"}
    return sent_version(sdk, **named)


@scenario("the version of no argument")
def version_of_none(sdk: Sdk) -> Any:
    return sent_version(sdk)


def sent_version(sdk: Sdk, **named: str) -> Any:
    sdk.point_at(sdk.places.scripted)
    return heard(sdk.made().PGCustomerFetchInstrument(customer_id="echo", instrument_id="i1", **named))["sent"].get(
        "x-api-version"
    )


def heard(response: Any) -> Any:
    """Gives what the server heard, by the name of the bank in its answer."""
    entity = response.data[0] if isinstance(response.data, list) else response.data
    told = json.loads(entity.instrument_meta.card_bank_name)
    headers = {name: value for name, value in told["headers"] if name != "host"}
    return {"method": told["method"], "target": told["target"], "sent": headers}


@each("{} as the server hears it", [LIST, FETCH, DELETE])
def as_heard(sdk: Sdk, method: str) -> Any:
    return heard(sdk.scripted(method, "echo", ONE_CARD[method], x_request_id="r1", x_idempotency_key="k1"))


@scenario("an awkward id as the server hears it")
def awkward(sdk: Sdk) -> Any:
    return heard(sdk.scripted(FETCH, "echo", "a/b c%é?x#y&=;:@+~", x_request_id="r1"))["target"]


@scenario("headers of one's own")
def own_headers(sdk: Sdk) -> Any:
    own = {"x-trace": "t1", "x-request-id": "mine"}
    sent = heard(sdk.scripted(FETCH, "echo", "i1", _headers=own))["sent"]
    return {name: sent.get(name) for name in own}


@scenario("headers of one's own that are taken")
def taken_headers(sdk: Sdk) -> Any:
    own = {"x-client-id": "other", "x-request-id": "mine", "x-sdk-platform": "mine"}
    sent = heard(sdk.scripted(FETCH, "echo", "i1", x_request_id="r1", _headers=own))["sent"]
    return {
        "client": sent["x-client-id"] != "other",
        "request": sent["x-request-id"],
        "sdk": sent["x-sdk-platform"] != "mine",
    }


@scenario("credentials of one call")
def request_auth(sdk: Sdk) -> Any:
    auth = {"type": "api_key", "in": "header", "key": "x-partner-apikey", "value": "pk"}
    sent = heard(sdk.scripted(FETCH, "echo", "i1", _request_auth=auth))["sent"]
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


@each("signed in with {}", [*PAIRS])
def signed_in(sdk: Sdk, name: str) -> Any:
    sent = heard(sdk.scripted(FETCH, "echo", "i1", by=sdk.made(**PAIRS[name])))["sent"]
    return {name: value for name, value in sent.items() if name.startswith(("x-client", "x-partner"))}
