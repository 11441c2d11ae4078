"""What is done with either package: each scenario gives a value or raises, and both are compared.

Runs inside the environment of either package; standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.parity.styles import Sdk, module

LIST = "PGCustomerFetchInstruments"
FETCH = "PGCustomerFetchInstrument"
DELETE = "PGCustomerDeleteInstrument"
CRYPTOGRAM = "PGCustomerInstrumentsFetchCryptogram"
ONE_CARD = {LIST: "card", FETCH: "i1", DELETE: "i1", CRYPTOGRAM: "i1"}

SCENARIOS: dict[str, Callable[[Sdk], Any]] = {}

Scenario = Callable[[Sdk], Any]


def scenario(name: str) -> Callable[[Scenario], Scenario]:
    """Puts a scenario on the list."""

    def listed(function: Scenario) -> Scenario:
        assert name not in SCENARIOS
        SCENARIOS[name] = function
        return function

    return listed


def each(name: str, cases: list[Any]) -> Callable[[Callable[[Sdk, Any], Any]], None]:
    """Puts a scenario on the list once for each case."""

    def listed(function: Callable[[Sdk, Any], Any]) -> None:
        for case in cases:
            scenario(name.format(case))(lambda sdk, case=case: function(sdk, case))  # type: ignore[misc]

    return listed


def which(sdk: Sdk, method: str) -> str:
    """Gives what a method asks for of the card that is kept."""
    return "card" if method == LIST else sdk.places.instrument


def key(sdk: Sdk, name: str) -> str:
    """Gives an idempotency key that only this package uses, once in each style."""
    return f"{sdk.places.side}-{sdk.style}-{name}"


# Calls that succeed.


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


# What is sent.


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


# Calls that are refused by the vault.


@each("wrong secret, {}", [LIST, FETCH, DELETE, CRYPTOGRAM])
def wrong_secret(sdk: Sdk, method: str) -> Any:
    by = sdk.made(XClientId=sdk.places.client_id, XClientSecret="wrong")
    return sdk.vault(method, sdk.places.customer, which(sdk, method), by=by, x_idempotency_key=key(sdk, "wrong"))


@each("not found, {}", [FETCH, DELETE, CRYPTOGRAM])
def not_found(sdk: Sdk, method: str) -> Any:
    return sdk.vault(method, sdk.places.customer, "nobody", x_idempotency_key=key(sdk, method))


@scenario("another type of instrument")
def another_type(sdk: Sdk) -> Any:
    return sdk.vault(LIST, sdk.places.customer, "bank")


@scenario("an unknown version")
def unknown_version(sdk: Sdk) -> Any:
    return sdk.vault(LIST, sdk.places.customer, "card", version="1999-01-01")


@scenario("a key for two calls")
def key_for_two(sdk: Sdk) -> Any:
    sdk.vault(CRYPTOGRAM, sdk.places.customer, sdk.places.instrument, x_idempotency_key=key(sdk, "twice"))
    return sdk.vault(DELETE, sdk.places.departing, sdk.places.doomed[2], x_idempotency_key=key(sdk, "twice"))


# Answers of every kind.


@each("status {}", [400, 401, 403, 404, 405, 409, 418, 422, 429, 500, 502, 503, 504])
def status(sdk: Sdk, number: int) -> Any:
    return sdk.scripted(FETCH, f"status-{number}", "i1")


@each("status {}, raw", [404, 422])
def status_raw(sdk: Sdk, number: int) -> Any:
    return sdk.scripted(FETCH, f"status-{number}", "i1", _preload_content=False)


BODIES = [
    "empty",
    "null",
    "web-page",
    "half",
    "list",
    "number-as-reference",
    "list-as-reference",
    "new-status",
    "new-field",
    "no-fields",
]


@each("a body: {}", BODIES)
def body(sdk: Sdk, name: str) -> Any:
    return sdk.scripted(FETCH, name, "i1")


@scenario("a new status, deleted")
def new_status_deleted(sdk: Sdk) -> Any:
    return sdk.scripted(DELETE, "new-status", "i1").data


# The network.


@scenario("nobody listens")
def nobody_listens(sdk: Sdk) -> Any:
    return sdk.at(sdk.places.nobody, FETCH, "c", "i1")


@scenario("the server hangs up")
def hangs_up(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "hangs-up", "i1")


@scenario("time is up")
def time_is_up(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "silent", "i1", _request_timeout=0.2)


@scenario("time is up, told as a pair")
def pair_is_up(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "silent", "i1", _request_timeout=(0.1, 0.1))


@scenario("sent elsewhere")
def moved(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "moved", "i1").data.instrument_id


# Calls that make no sense.


@scenario("an unknown keyword")
def unknown_keyword(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "echo", "i1", colour="blue")


@scenario("too many arguments")
def too_many(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "echo", "i1", "r1", "k1", "more")


@scenario("an argument twice")
def twice(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "echo", "i1", customer_id="c")


@each("an id that is {}", [5, None, b"echo"])
def no_text(sdk: Sdk, value: Any) -> Any:
    return sdk.scripted(FETCH, "echo", value)


@scenario("a key that is a number")
def key_is_number(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "echo", "i1", x_idempotency_key=5)


@scenario("an id left out")
def left_out(sdk: Sdk) -> Any:
    return heard(sdk.scripted(FETCH, "echo"))["target"]


@each("an id '{}'", ["", "..", "{instrument_id}"])
def no_id(sdk: Sdk, value: str) -> Any:
    return heard(sdk.scripted(FETCH, "echo", value))["target"]


@scenario("a line break in a header")
def line_break(sdk: Sdk) -> Any:
    return sdk.scripted(FETCH, "echo", "i1", x_request_id="a\r\nx-evil: b")


# Notifications.

WEBHOOK = '{"data":{"instrument":{"instrument_id":"i1"}},"event_time":"t","type":"INSTRUMENT_ACTIVE_WEBHOOK"}'
TIMESTAMP = "1746427759733"
SIGNED = "SwARQ/aI54+ez/qtUTgfiaQlN5ymw8byN7ANhJMwM6A="
"""base64(HMAC-SHA256("secret", TIMESTAMP + WEBHOOK))."""


def notified(sdk: Sdk, signature: str, told: Any) -> Any:
    event = sdk.made(XClientId="id", XClientSecret="secret").PGVerifyWebhookSignature(signature, told, TIMESTAMP)
    return {"class": type(event).__name__, "type": event.type, "raw": str(event.raw), "object": event.object}


@scenario("a notification")
def notification(sdk: Sdk) -> Any:
    return notified(sdk, SIGNED, WEBHOOK)


@scenario("a notification as bytes")
def notification_as_bytes(sdk: Sdk) -> Any:
    return notified(sdk, SIGNED, WEBHOOK.encode())["type"]


@scenario("a forged notification")
def forged(sdk: Sdk) -> Any:
    return notified(sdk, SIGNED[::-1], WEBHOOK)


@scenario("a notification as a model")
def notification_as_model(sdk: Sdk) -> Any:
    webhook = module("models.instrument_webhook").InstrumentWebhook.from_json(WEBHOOK)
    return {"to_dict": webhook.to_dict()}


# Models by hand.

ENTITY = {"customer_id": "c", "instrument_id": "i1", "instrument_meta": {"card_network": "visa"}, "colour": "blue"}


@each("{} from a dictionary", ["instrument_entity InstrumentEntity", "cryptogram_entity CryptogramEntity"])
def from_dict(sdk: Sdk, name: str) -> Any:
    file, _, kind = name.partition(" ")
    return getattr(module(f"models.{file}"), kind).from_dict(ENTITY)


@scenario("a model from JSON")
def from_json(sdk: Sdk) -> Any:
    return module("models").InstrumentEntity.from_json(json.dumps(ENTITY))


@scenario("no model from nothing")
def from_nothing(sdk: Sdk) -> Any:
    kind = module("models").InstrumentEntity
    return [kind.from_dict(None), kind.from_json("null")]


@scenario("a model from JSON that may be of another")
def for_one_of(sdk: Sdk) -> Any:
    kind = module("models").InstrumentEntity
    return [kind.from_json_for_one_of('{"colour": "blue"}'), kind.from_json_for_one_of('{"instrument_id": "i1"}')]


@scenario("a model of the wrong type")
def wrong_type(sdk: Sdk) -> Any:
    return module("models").InstrumentEntity(customer_id=5)


@scenario("a model set to the wrong type")
def set_to_wrong(sdk: Sdk) -> Any:
    entity = module("models").InstrumentEntity(customer_id="c")
    entity.customer_id = 5
    return entity


@scenario("a model that is changed")
def changed(sdk: Sdk) -> Any:
    kind = module("models").InstrumentEntity
    entity = kind(customer_id="c")
    entity.customer_id = "d"
    return [entity.to_dict(), entity == kind(customer_id="d"), entity == kind(customer_id="c")]


@scenario("a refusal as a model")
def refusal_as_model(sdk: Sdk) -> Any:
    try:
        sdk.scripted(FETCH, "status-400", "i1")
    except module("rest").ApiException as error:
        return module("models").AuthenticationError.from_json(error.body)


# What can be named.

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
    here = module(name) if name else __import__("cashfree_pg")
    return {each: hasattr(here, each) for each in NAMES[name]}


@each("chain of {}", NAMES["exceptions"][:-1])
def chain(sdk: Sdk, name: str) -> Any:
    return [each.__name__ for each in getattr(module("exceptions"), name).__mro__]


@scenario("exceptions by hand")
def by_hand(sdk: Sdk) -> Any:
    exceptions = module("exceptions")
    made = [
        exceptions.ApiException(404, "gone"),
        exceptions.NotFoundException(status=404, reason="gone"),
        exceptions.ApiTypeError("odd", path_to_item=["a", 0]),
        exceptions.ApiValueError("odd", ["a", 0]),
    ]
    return [[str(each), each.__dict__] for each in made]


@scenario("settings of the class")
def settings(sdk: Sdk) -> Any:
    names = ("XProduction", "XSandbox", "PRODUCTION", "SANDBOX", "Sandbox")
    return {name: str(getattr(sdk.Cashfree, name, None)) for name in names}


@scenario("a class without arguments")
def without_arguments(sdk: Sdk) -> Any:
    return type(sdk.Cashfree()).__name__
