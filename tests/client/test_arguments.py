"""Any value in any public argument is accepted, or raises a `TokenVaultError` that names the argument."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import cashfree_pg
from cashfree_pg import ApiClient, ApiResponse, Cashfree, Configuration
from cashfree_pg.exceptions import OpenApiException
from tests.client.recording_transport import AsyncRecordingTransport, RecordingTransport
from tokenvault_client import AsyncClient, Card, Client, Consent, TokenVaultError, UsageError, webhooks
from tokenvault_client.cashfree import route_token_vault

KEY: Final = UUID("6f1c9a52-6d0a-4d3e-9a57-0d7f3c1e2b4a")
BASE: Final[dict[str, Any]] = {"base_url": "https://vault.test/pg", "client_id": "me", "client_secret": "s"}


class Name(str, Enum):  # noqa: UP042  # a StrEnum formats itself as its value
    """A string that formats itself as something else."""

    ASHA = "asha"


class Text(str):
    """A string that shows something else than it is."""

    __slots__ = ()

    def __str__(self) -> str:
        return "a\r\nb"


ODD: Final[list[Any]] = [
    *(None, True, False, 0, -1, 10**400, float("nan"), float("inf"), -float("inf"), 1.5, 1e-320, 3j, Decimal(1)),
    *(
        timedelta(seconds=1),
        b"asha",
        bytearray(b"a"),
        "",
        " ",
        "asha",
        "a\r\nb: c",
        "\ud800",
        "é",
        "a\0b",
        "{id}",
        "..",
    ),
    *(Name.ASHA, Text("asha"), KEY, (), [], {}, (1, 2), ("a", "b"), [("a", "b")], {"a": "b"}, {"x-a": 5}, {5: "x"}),
    *(
        {"x-a": b"b"},
        {"x-\ud800": "a"},
        {"x-a": None},
        set(),
        object(),
        Client,
        print,
        SimpleNamespace(send=1),
        iter("ab"),
    ),
    *("x" * 100_000, {"x-a": "é"}, {"x-a": "\r\n"}, [None], [["a", "b", "c"]], {"x-a": Text("1")}),
]
VALUES: Final = (
    st.sampled_from(ODD) | st.text() | st.integers() | st.floats() | st.binary() | st.dictionaries(st.text(), st.text())
)
CONSTRUCTOR: Final = [
    *("environment", "base_url", "client_id", "client_secret", "client_public_key", "partner_api_key"),
    *("partner_merchant_id", "api_version", "timeout", "connect_timeout", "max_retries", "max_retry_wait", "headers"),
    *("on_retry", "max_connections", "ca_file", "allow_plain_http", "transport"),
]
OPTIONS: Final = ["api_version", "timeout", "max_retries", "max_retry_wait", "headers", "on_retry"]
CARD: Final[dict[str, Any]] = {
    "card_number": "4",
    "card_expiry_mm": "03",
    "card_expiry_yy": "31",
    "card_holder_name": "A",
}
CONSENT: Final[dict[str, Any]] = {"given_at": "now", "text_version": "v1"}
CALL: Final[dict[str, Any]] = {"request_id": "r", "idempotency_key": "k", "timeout": 1}
ENROLMENT: Final[dict[str, Any]] = {
    "customer_id": "asha",
    "card": Card(**CARD),
    "afa_reference": "7",
    "consent": Consent(**CONSENT),
    **CALL,
}
BODY: Final = b'{"type": "t", "data": {}}'


def error_of(attempt: Callable[[], object]) -> TokenVaultError | None:
    """Return the error of an attempt, if it has one. Any other exception fails the test."""
    try:
        attempt()
    except TokenVaultError as error:
        return error
    return None


def fails_properly(name: str, attempt: Callable[[], object], transport: RecordingTransport | None = None) -> None:
    """Check that an attempt succeeds, or raises an error that names an argument before anything is sent."""
    if error := error_of(attempt):
        assert name.removesuffix("s") in str(error)  # an error of one of the headers names that header
        assert "\n" not in str(error)
        assert not (transport and transport.sent)


@pytest.mark.parametrize("name", CONSTRUCTOR)
def test_any_value_for_an_option_of_a_client(name: str) -> None:
    for value in ODD:
        for kind in (Client, AsyncClient):
            options: Any = BASE | {name: value}
            error = error_of(partial(kind, **options))
            assert error is None or "\n" not in str(error)


@pytest.mark.parametrize("name", OPTIONS)
def test_any_value_for_a_changed_option(name: str) -> None:
    transport = RecordingTransport()
    vault = Client(transport=transport, **BASE)
    for value in ODD:
        options: Any = {name: value}
        fails_properly(name, partial(vault.with_options, **options))


@settings(max_examples=40)
@given(value=VALUES, name=st.sampled_from(["customer_id", "instrument_type", *CALL]))
def test_any_value_for_an_argument_of_a_read(name: str, value: Any) -> None:
    for client in (Client, AsyncClient):
        transport = RecordingTransport()
        arguments: Any = {"customer_id": "asha", **CALL, name: value}
        fails_properly(name, partial(fetch, client, transport, arguments), transport)


def fetch(client: type[Client | AsyncClient], transport: RecordingTransport, arguments: dict[str, Any]) -> object:
    if client is Client:
        return Client(transport=transport, **BASE).fetch_instruments(**arguments)
    return asyncio.run(AsyncClient(transport=AsyncRecordingTransport(transport), **BASE).fetch_instruments(**arguments))


@pytest.mark.parametrize(
    "name", [*ENROLMENT, *(f"card.{name}" for name in CARD), *(f"consent.{name}" for name in CONSENT)]
)
def test_any_value_for_an_argument_of_an_enrolment(name: str) -> None:
    for value in ODD:
        transport = RecordingTransport()
        vault = Client(transport=transport, **BASE)
        arguments = dict(ENROLMENT)
        if name.startswith("card."):
            arguments["card"] = Card(**CARD | {name[5:]: value})
        elif name.startswith("consent."):
            arguments["consent"] = Consent(**CONSENT | {name[8:]: value})
        else:
            arguments[name] = value
        fails_properly(name, partial(vault.enrol_instrument, **arguments), transport)


@pytest.mark.parametrize("name", ["body", "headers", "secrets", "tolerance", "now"])
def test_any_value_for_an_argument_of_a_webhook(name: str) -> None:
    headers = webhooks.sign_for_test(BODY, "s")
    for value in [*ODD, {"x-webhook-timestamp": 5}, [(b"a", b"b")], {"x-webhook-timestamp": ["5"]}]:
        arguments: Any = {"body": BODY, "headers": headers, "secrets": "s", name: value}
        error = error_of(partial(webhooks.verify, **arguments))
        assert error is None or "\n" not in str(error)


@pytest.mark.parametrize("name", ["body", "secret", "at"])
def test_any_value_for_an_argument_of_a_signature(name: str) -> None:
    for value in ODD:
        arguments: Any = {"body": BODY, "secret": "s", "at": 5, name: value}
        fails_properly(name, partial(webhooks.sign_for_test, **arguments))


@pytest.mark.parametrize("tolerance", [float("nan"), -1, True, "300", None])
def test_a_tolerance_that_is_no_duration_does_not_accept_every_age(tolerance: Any) -> None:
    headers = webhooks.sign_for_test(BODY, "s", at=0)
    with pytest.raises(UsageError, match="tolerance"):
        webhooks.verify(BODY, headers, "s", tolerance)


def test_a_uuid_is_accepted_as_a_key_and_as_a_request_id() -> None:
    transport = RecordingTransport()
    answer = Client(transport=transport, **BASE).delete_instrument("asha", "i1", request_id=KEY, idempotency_key=KEY)
    headers = dict(transport.sent[0][0].headers)
    assert headers["x-request-id"] == headers["x-idempotency-key"] == answer.idempotency_key == str(KEY)
    ApiClient.set_default(ApiClient(transport=transport))
    method: Any = Cashfree(Cashfree.SANDBOX, "me", "s").PGCustomerInstrumentsFetchCryptogram
    method("asha", "i1", KEY, x_idempotency_key=KEY)
    ApiClient.set_default(None)
    assert dict(transport.sent[1][0].headers)["x-idempotency-key"] == str(KEY)


def test_a_string_that_formats_itself_as_something_else_is_sent_as_it_is() -> None:
    transport = RecordingTransport()
    headers = {"x-trace": Name.ASHA}
    vault = Client(
        transport=transport, headers=headers, **BASE | {"client_secret": Name.ASHA, "api_version": Name.ASHA}
    )
    vault.fetch_cryptogram(Name.ASHA, Text("i1"), request_id=Name.ASHA)
    sent = transport.sent[0][0]
    assert sent.url.endswith("/customers/asha/instruments/i1/cryptogram")
    wanted = ("x-trace", "x-client-secret", "x-request-id", "x-api-version")
    assert [dict(sent.headers)[name] for name in wanted] == ["asha"] * 4
    assert {type(value) for _, value in sent.headers} == {str}


@pytest.mark.parametrize("returned", ["text", 5, b"", {}, object])
def test_a_transport_that_returns_no_response_is_a_transport_error(returned: Any) -> None:
    class Broken(RecordingTransport):
        def send(self, request: Any, seconds: float) -> Any:
            return returned

    with pytest.raises(TokenVaultError, match="instead of a Response"):
        Client(transport=Broken(), max_retries=0, **BASE).fetch_instrument("asha", "i1")


def test_an_async_transport_is_rejected_by_a_client() -> None:
    transport: Any = AsyncRecordingTransport()
    with pytest.raises(UsageError, match="AsyncClient"):
        Client(transport=transport, **BASE)


DROP_IN: Final = [
    *("customer_id", "instrument_id", "x_request_id", "x_idempotency_key", "x_api_version", "_request_timeout"),
    *("_headers", "_request_auth", "_content_type"),
]


@pytest.mark.parametrize("name", DROP_IN)
def test_any_value_for_an_argument_of_the_drop_in(name: str) -> None:
    for value in [
        *ODD,
        {"in": "header"},
        {"in": "header", "key": 5, "value": "v"},
        {"in": "header", "key": "x-a", "value": b""},
    ]:
        transport = RecordingTransport()
        ApiClient.set_default(ApiClient(transport=transport))
        method: Any = Cashfree(Cashfree.SANDBOX, "me", "s").PGCustomerInstrumentsFetchCryptogram
        arguments = {"customer_id": "asha", "instrument_id": "i1"} | {name: value}
        try:
            assert isinstance(method(**arguments), ApiResponse)
        except (OpenApiException, ValidationError):
            assert transport.sent == []
        finally:
            ApiClient.set_default(None)


@pytest.mark.parametrize(
    "name", ["XEnvironment", "XClientId", "XClientSecret", "XPartnerKey", "XClientSignature", "XBaseUrl"]
)
def test_any_value_for_a_setting_of_the_drop_in(name: str) -> None:
    for value in ODD:
        transport = RecordingTransport()
        ApiClient.set_default(ApiClient(transport=transport))
        settings: Any = {"XEnvironment": Cashfree.SANDBOX, "XClientId": "me", "XClientSecret": "s", name: value}
        try:
            Cashfree(**settings).PGCustomerFetchInstrument("asha", "i1")
        except OpenApiException:
            assert transport.sent == []
        finally:
            ApiClient.set_default(None)


@pytest.mark.parametrize("name", ["host", "ssl_ca_cert", "connection_pool_maxsize", "retries"])
def test_any_value_for_a_setting_of_the_connections(name: str) -> None:
    for value in ODD:
        settings = Configuration()
        try:
            setattr(settings, name, value)
            settings.retries = 0 if name != "retries" else settings.retries
            ApiClient.set_default(ApiClient(settings))
            api = Cashfree(Cashfree.SANDBOX, "me", "s", XBaseUrl="http://127.0.0.1:9/pg")
            if value not in ("asha", 1.5):
                api.PGCustomerFetchInstrument("asha", "i1", _request_timeout=0.001)
        except OpenApiException:
            continue
        finally:
            ApiClient.set_default(None)


@pytest.mark.parametrize("place", range(3))
def test_any_value_for_a_webhook_of_the_drop_in(place: int) -> None:
    headers = webhooks.sign_for_test(BODY, "s")
    for value in ODD:
        arguments: list[Any] = [headers["x-webhook-signature"], BODY, headers["x-webhook-timestamp"]]
        arguments[place] = value
        with pytest.raises(OpenApiException):
            Cashfree(Cashfree.SANDBOX, "me", "s").PGVerifyWebhookSignature(*arguments)
        if place == 0 and value is not None:
            with pytest.raises(OpenApiException):
                Cashfree(Cashfree.SANDBOX, "me", "s").PGVerifyWebhookSignature(
                    "no", BODY, headers["x-webhook-timestamp"], tolerance=value
                )


@pytest.mark.parametrize("name", ["cashfree_pg", "base_url", "ca_file"])
def test_any_value_for_an_argument_of_routing(name: str) -> None:
    for value in ODD:
        arguments: Any = {"cashfree_pg": cashfree_pg, name: value}
        with pytest.raises(UsageError):
            route_token_vault(**arguments)


@pytest.mark.parametrize("environ", [None, "a", 5, {"CASHFREE_CLIENT_ID": 5}, {"CASHFREE_CA_FILE": b"a"}, [("a", "b")]])
def test_any_value_for_an_environment(environ: Any) -> None:
    with pytest.raises(UsageError):
        Client.from_env(environ)
    with pytest.raises(UsageError):
        AsyncClient.from_env({"CASHFREE_BASE_URL": "https://a/pg", "CASHFREE_CLIENT_PUBLIC_KEY_FILE": os.devnull})
