"""One class, called as in 4.x, 5.x and 6.x."""

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
from tests.client.recorder import Recorder
from tests.support.emulator_process import Emulator
from tests.support.http_client import Json

Make = Callable[[str], Cashfree]


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
STYLES: dict[str, tuple[Make, list[str], str]] = {
    "4.x": (class_attributes, ["2022-09-01"], "2022-09-01"),
    "5.x": (constructor, ["2022-09-01"], "2022-09-01"),
    "6.x": (constructor, [], "2026-01-01"),
}
METHOD = pytest.mark.parametrize("method", METHODS)


@METHOD
@pytest.mark.parametrize("style", STYLES)
def test_a_call_is_the_same_in_every_style(method: str, style: str, server: Recorder) -> None:
    make, version, sent = STYLES[style]
    getattr(make(server.base_url), method)(*version, "asha", METHODS[method], "r1", "k1")
    (heard,) = server.heard
    headers = dict(heard.headers)
    assert heard.method == ("DELETE" if "Delete" in method else "GET")
    assert heard.target.startswith("/pg/customers/asha/instruments")
    assert [headers[f"x-{name}"] for name in ("api-version", "request-id", "idempotency-key")] == [sent, "r1", "k1"]
    assert (headers["x-client-id"], headers["x-client-secret"]) == ("id", "secret")


@METHOD
@pytest.mark.parametrize("style", STYLES)
def test_arguments_may_be_named(method: str, style: str, server: Recorder) -> None:
    make, version, sent = STYLES[style]
    which = "instrument_type" if METHODS[method] == "card" else "instrument_id"
    named = {"customer_id": "asha", which: METHODS[method], "x_idempotency_key": "k1"}
    getattr(make(server.base_url), method)(**named, **({"x_api_version": version[0]} if version else {}))
    assert dict(server.heard[0].headers)["x-api-version"] == sent


def test_a_version_may_be_named_in_any_style(server: Recorder) -> None:
    api = constructor(server.base_url)
    api.PGCustomerFetchInstrument(x_api_version="2025-01-01", customer_id="asha", instrument_id="i1")
    assert dict(server.heard[0].headers)["x-api-version"] == "2025-01-01"


def test_a_version_of_the_object_is_used_where_a_call_names_none(server: Recorder) -> None:
    api = constructor(server.base_url)
    api.XApiVersion = "2025-01-01"
    api.PGCustomerFetchInstrument("asha", "i1")
    assert dict(server.heard[0].headers)["x-api-version"] == "2025-01-01"


def test_in_4_x_a_version_left_out_is_the_one_of_the_document(server: Recorder) -> None:
    class_attributes(server.base_url).PGCustomerFetchInstrument(customer_id="asha", instrument_id="i1")
    assert dict(server.heard[0].headers)["x-api-version"] == "2023-08-01"


def test_in_4_x_the_first_argument_is_the_version_whatever_it_looks_like(server: Recorder) -> None:
    class_attributes(server.base_url).PGCustomerFetchInstrument("newest", "asha", "i1")
    assert dict(server.heard[0].headers)["x-api-version"] == "newest"


def test_a_date_is_never_taken_for_a_customer(server: Recorder) -> None:
    with pytest.raises(ApiTypeError, match="instrument_id"):
        constructor(server.base_url).PGCustomerDeleteInstrument("2023-08-01", "asha")
    assert server.heard == []


def test_a_customer_whose_id_is_a_date_is_named(server: Recorder) -> None:
    constructor(server.base_url).PGCustomerFetchInstrument(customer_id="2023-08-01", instrument_id="i1")
    assert server.heard[0].target == "/pg/customers/2023-08-01/instruments/i1"


def test_the_models_are_those_of_the_style(vault: Emulator, api: Cashfree, card: Json) -> None:
    doomed = [vault.save("ravi")["instrument_id"] for _ in range(2)]
    older = [
        *api.PGCustomerFetchInstruments("2023-08-01", "asha", "card").data,
        api.PGCustomerDeleteInstrument("2023-08-01", "ravi", doomed[0]).data,
    ]
    newer = [
        *api.PGCustomerFetchInstruments("asha", "card").data,
        api.PGCustomerDeleteInstrument("ravi", doomed[1]).data,
    ]
    assert {type(each) for each in older} == {InstrumentEntity}
    assert {type(each) for each in newer} == {InstrumentEntityForAllSavedCard, DeletedInstrumentEntity}


def test_a_response_has_what_came(api: Cashfree, card: Json) -> None:
    response = api.PGCustomerFetchInstrument("asha", card["instrument_id"], "r1")
    assert isinstance(response, ApiResponse)
    assert (response.status_code, response.headers["X-Request-Id"]) == (200, "r1")
    assert response.data.to_dict()["instrument_uid"] == card["instrument_uid"]
    assert response.raw_data.startswith('{"customer_id":"asha"')


def test_the_model_alone_is_the_model(api: Cashfree, card: Json) -> None:
    entity = api.PGCustomerInstrumentsFetchCryptogram("asha", card["instrument_id"], _return_http_data_only=True)
    assert isinstance(entity, CryptogramEntity)


def test_a_raw_call_gives_bytes_and_no_model(api: Cashfree, card: Json) -> None:
    response: ApiResponse[Any] = api.PGCustomerFetchInstrument("asha", card["instrument_id"], _preload_content=False)
    assert response.data is None
    assert isinstance(response.raw_data, bytes)


def test_a_call_that_is_not_waited_for_gives_its_answer_later(api: Cashfree, card: Json) -> None:
    begun = [api.PGCustomerFetchInstrument("asha", card["instrument_id"], async_req=True) for _ in range(20)]
    assert all(isinstance(each, ApplyResult) for each in begun)
    assert {each.get(10).data.instrument_id for each in begun} == {card["instrument_id"]}


def test_a_call_that_is_not_waited_for_raises_later(api: Cashfree) -> None:
    begun = api.PGCustomerFetchInstrument("asha", "nobody", async_req=True)
    with pytest.raises(NotFoundException):
        begun.get(10)


def test_the_rest_of_the_official_package_is_said_to_be_missing(api: Cashfree) -> None:
    with pytest.raises(ApiAttributeError, match="PGCreateOrder is not a part of the Token Vault API"):
        api.PGCreateOrder()  # type: ignore[attr-defined]
    assert not hasattr(api, "PGCreateOrder")
