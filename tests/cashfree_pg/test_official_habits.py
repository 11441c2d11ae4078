"""Habits of programs that use the official package, which work here as well."""

from __future__ import annotations

import json
import pickle
import warnings
from typing import Any

import pytest

import cashfree_pg
from cashfree_pg import (
    Cashfree,
    Configuration,
    InstrumentEntity,
    InstrumentWebhook,
    InstrumentWebhookData,
    InstrumentWebhookDataEntity,
    SavedInstrumentMetaCardTokenDetails,
)
from cashfree_pg.exceptions import ApiAttributeError, ApiTypeError
from cashfree_pg.rest import HTTPHeaderDict
from tests.client.recording_server import RecordingServer

DETAILS = {"par": "P", "expiry_month": "05", "expiry_year": None}
ENTITY = {"instrument_id": "i1", "instrument_meta": {"card_network": "visa", "card_token_details": DETAILS}}
EVENT = {"data": {"instrument": {"instrument_id": "i1"}}, "event_time": "t", "type": "INSTRUMENT_ACTIVE_WEBHOOK"}


def test_the_type_of_instruments_may_be_absent(server: RecordingServer) -> None:
    api = Cashfree(Cashfree.SANDBOX, "id", "secret", XBaseUrl=server.base_url)
    assert api.PGCustomerFetchInstruments("asha").data == []
    assert api.PGCustomerFetchInstruments(customer_id="asha").data == []
    assert api.PGCustomerFetchInstruments("2023-08-01", "asha").data == []
    assert {request.target for request in server.requests} == {"/pg/customers/asha/instruments?instrument_type=card"}


def test_an_event_can_be_decoded_with_either_official_model() -> None:
    event = InstrumentWebhookData.from_dict(EVENT)
    assert isinstance(event.data, InstrumentWebhookDataEntity)
    assert event.data.instrument == InstrumentEntity(instrument_id="i1")
    assert (event.type, event.event_time) == ("INSTRUMENT_ACTIVE_WEBHOOK", "t")
    assert event.to_dict() == EVENT
    nested = InstrumentWebhook.from_dict({"data": EVENT})
    assert nested.data
    assert nested.data.data == event.data
    plain = InstrumentWebhook.from_dict(EVENT)
    assert plain.data
    assert plain.data.instrument == event.data.instrument
    assert "InstrumentWebhookDataEntity" in cashfree_pg.__all__


def test_the_headers_of_a_response_have_lists_of_values() -> None:
    headers = HTTPHeaderDict({"X-Request-Id": "r1"})
    assert headers.getlist("x-request-id") == headers.getheaders("X-REQUEST-ID") == ["r1"]
    assert headers.getlist("x-other") == []
    assert headers.getlist("x-other", ["d"]) == ["d"]
    assert headers.get("x-request-id") == "r1"


def test_nested_models_have_the_methods_of_pydantic() -> None:
    entity = InstrumentEntity.from_dict(ENTITY)
    assert entity.instrument_meta
    details = entity.instrument_meta.card_token_details
    assert details is not None
    assert details.model_dump() == details.dict() == DETAILS
    assert json.loads(details.json()) == json.loads(details.model_dump_json()) == DETAILS
    assert details.model_dump(exclude_none=True, by_alias=True) == {"par": "P", "expiry_month": "05"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pydantic's, for both of these names
        older: Any = entity
        assert older.dict()["instrument_meta"]["card_token_details"] == DETAILS
        assert json.loads(older.json())["instrument_meta"]["card_token_details"] == DETAILS
    assert entity.model_dump()["instrument_meta"]["card_token_details"] == DETAILS
    assert json.loads(entity.model_dump_json())["instrument_meta"]["card_network"] == "visa"
    assert entity.to_dict()["instrument_meta"]["card_token_details"] == {"par": "P", "expiry_month": "05"}
    assert pickle.loads(pickle.dumps(entity)) == entity


def test_the_details_of_a_token_are_typed() -> None:
    details = SavedInstrumentMetaCardTokenDetails(par="P", expiry_month="05")
    details.expiry_year = "2031"
    details.par = "Q"
    details.expiry_month = "06"
    assert details == {"par": "Q", "expiry_month": "06", "expiry_year": "2031"}
    assert (details.par, details.expiry_month, details.expiry_year) == ("Q", "06", "2031")
    odd: Any = SavedInstrumentMetaCardTokenDetails({"par": 5})
    assert odd.par is None


def test_a_configuration_takes_the_official_arguments() -> None:
    settings = Configuration("https://vault.test/pg", {"XClientID": "id"}, username="u", ssl_ca_cert="ca.pem")
    assert (settings.host, settings.ssl_ca_cert) == ("https://vault.test/pg", "ca.pem")
    assert settings.api_key == {"XClientID": "id"}
    settings.api_key["XClientSecret"] = "hush"
    assert "hush" not in repr(vars(settings))
    assert Configuration(api_key={"XClientID": "id"}).api_key == {"XClientID": "id"}
    with pytest.raises(ApiTypeError, match="colour"):
        Configuration(colour="blue")
    with pytest.raises(ApiAttributeError):
        settings.proxy = "p"
