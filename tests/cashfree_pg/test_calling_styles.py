"""One class with the calling styles of 4.x, 5.x and 6.x."""

from __future__ import annotations

from collections.abc import Callable
from multiprocessing.pool import ApplyResult
from typing import Any

import pytest

from cashfree_pg import (
    ApiResponse,
    Cashfree,
    CFEnvironment,
    CryptogramEntity,
    DeletedInstrumentEntity,
    InstrumentEntity,
    InstrumentEntityForAllSavedCard,
)
from cashfree_pg.exceptions import ApiAttributeError, ApiTypeError, NotFoundException
from tests.client.recording_server import RecordingServer
from tests.support.emulator_process import Emulator
from tests.support.http_client import Json

Create = Callable[[str], Cashfree]


def class_attributes(base_url: str) -> Cashfree:
    Cashfree.XClientId, Cashfree.XClientSecret, Cashfree.XBaseUrl = "id", "secret", base_url
    return Cashfree()


def constructor(base_url: str) -> Cashfree:
    return Cashfree(XEnvironment=CFEnvironment.SANDBOX, XClientId="id", XClientSecret="secret", XBaseUrl=base_url)


METHODS = {
    "PGCustomerFetchInstruments": "card",
    "PGCustomerFetchInstrument": "i1",
    "PGCustomerDeleteInstrument": "i1",
    "PGCustomerInstrumentsFetchCryptogram": "i1",
}
STYLES: dict[str, tuple[Create, list[str], str]] = {
    "4.x": (class_attributes, ["2022-09-01"], "2022-09-01"),
    "5.x": (constructor, ["2022-09-01"], "2022-09-01"),
    "6.x": (constructor, [], "2026-01-01"),
}
METHOD = pytest.mark.parametrize("method", METHODS)


@METHOD
@pytest.mark.parametrize("style", STYLES)
def test_every_style_sends_the_same_call(method: str, style: str, server: RecordingServer) -> None:
    create, version, sent = STYLES[style]
    getattr(create(server.base_url), method)(*version, "asha", METHODS[method], "r1", "k1")
    (request,) = server.requests
    headers = dict(request.headers)
    assert request.method == ("DELETE" if "Delete" in method else "GET")
    assert request.target.startswith("/pg/customers/asha/instruments")
    assert [headers[f"x-{name}"] for name in ("api-version", "request-id", "idempotency-key")] == [sent, "r1", "k1"]
    assert (headers["x-client-id"], headers["x-client-secret"]) == ("id", "secret")


@METHOD
@pytest.mark.parametrize("style", STYLES)
def test_arguments_can_be_named(method: str, style: str, server: RecordingServer) -> None:
    create, version, sent = STYLES[style]
    second = "instrument_type" if METHODS[method] == "card" else "instrument_id"
    named = {"customer_id": "asha", second: METHODS[method], "x_idempotency_key": "k1"}
    getattr(create(server.base_url), method)(**named, **({"x_api_version": version[0]} if version else {}))
    assert dict(server.requests[0].headers)["x-api-version"] == sent


def test_the_version_can_be_named_in_any_style(server: RecordingServer) -> None:
    api = constructor(server.base_url)
    api.PGCustomerFetchInstrument(x_api_version="2025-01-01", customer_id="asha", instrument_id="i1")
    assert dict(server.requests[0].headers)["x-api-version"] == "2025-01-01"


def test_the_version_of_the_object_is_the_default_of_its_calls(server: RecordingServer) -> None:
    api = constructor(server.base_url)
    api.XApiVersion = "2025-01-01"
    api.PGCustomerFetchInstrument("asha", "i1")
    assert dict(server.requests[0].headers)["x-api-version"] == "2025-01-01"


def test_in_4_x_the_default_version_is_the_documented_one(server: RecordingServer) -> None:
    class_attributes(server.base_url).PGCustomerFetchInstrument(customer_id="asha", instrument_id="i1")
    assert dict(server.requests[0].headers)["x-api-version"] == "2023-08-01"


def test_in_4_x_the_first_argument_is_always_the_version(server: RecordingServer) -> None:
    class_attributes(server.base_url).PGCustomerFetchInstrument("newest", "asha", "i1")
    assert dict(server.requests[0].headers)["x-api-version"] == "newest"


def test_a_date_is_never_used_as_a_customer_id(server: RecordingServer) -> None:
    with pytest.raises(ApiTypeError, match="instrument_id"):
        constructor(server.base_url).PGCustomerDeleteInstrument("2023-08-01", "asha")
    assert server.requests == []


def test_a_customer_id_that_is_a_date_can_be_named(server: RecordingServer) -> None:
    constructor(server.base_url).PGCustomerFetchInstrument(customer_id="2023-08-01", instrument_id="i1")
    assert server.requests[0].target == "/pg/customers/2023-08-01/instruments/i1"


def test_each_style_returns_its_models(vault: Emulator, api: Cashfree, card: Json) -> None:
    instrument_ids = [vault.save("ravi")["instrument_id"] for _ in range(2)]
    older = [
        *api.PGCustomerFetchInstruments("2023-08-01", "asha", "card").data,
        api.PGCustomerDeleteInstrument("2023-08-01", "ravi", instrument_ids[0]).data,
    ]
    newer = [
        *api.PGCustomerFetchInstruments("asha", "card").data,
        api.PGCustomerDeleteInstrument("ravi", instrument_ids[1]).data,
    ]
    assert {type(each) for each in older} == {InstrumentEntity}
    assert {type(each) for each in newer} == {InstrumentEntityForAllSavedCard, DeletedInstrumentEntity}


def test_a_response_has_status_headers_model_and_body(api: Cashfree, card: Json) -> None:
    response = api.PGCustomerFetchInstrument("asha", card["instrument_id"], "r1")
    assert isinstance(response, ApiResponse)
    assert (response.status_code, response.headers["X-Request-Id"]) == (200, "r1")
    assert response.data.to_dict()["instrument_uid"] == card["instrument_uid"]
    assert response.raw_data.startswith('{"customer_id":"asha"')


def test_return_http_data_only_returns_the_model(api: Cashfree, card: Json) -> None:
    entity = api.PGCustomerInstrumentsFetchCryptogram("asha", card["instrument_id"], _return_http_data_only=True)
    assert isinstance(entity, CryptogramEntity)


def test_a_call_without_preload_returns_bytes_and_no_model(api: Cashfree, card: Json) -> None:
    response: ApiResponse[Any] = api.PGCustomerFetchInstrument("asha", card["instrument_id"], _preload_content=False)
    assert response.data is None
    assert isinstance(response.raw_data, bytes)


def test_an_async_call_returns_its_response_later(api: Cashfree, card: Json) -> None:
    results = [api.PGCustomerFetchInstrument("asha", card["instrument_id"], async_req=True) for _ in range(20)]
    assert all(isinstance(each, ApplyResult) for each in results)
    assert {each.get(10).data.instrument_id for each in results} == {card["instrument_id"]}


def test_an_async_call_raises_its_exception_later(api: Cashfree) -> None:
    results = api.PGCustomerFetchInstrument("asha", "nobody", async_req=True)
    with pytest.raises(NotFoundException):
        results.get(10)


def test_a_method_of_another_product_is_reported_as_missing(api: Cashfree) -> None:
    with pytest.raises(ApiAttributeError, match="PGCreateLink is not here"):
        api.PGCreateLink()  # type: ignore[attr-defined]
    assert not hasattr(api, "PGCreateLink")
