"""The models: the methods of the official models, on pydantic 2."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from cashfree_pg import models
from cashfree_pg.models.cryptogram_entity import CryptogramEntity
from cashfree_pg.models.instrument_entity import InstrumentEntity
from cashfree_pg.models.instrument_webhook import InstrumentWebhook
from cashfree_pg.models.saved_instrument_meta_card_token_details import SavedInstrumentMetaCardTokenDetails
from tokenvault_contract.payment_entities import REQUIRED

DETAILS = {"par": "V0010013823048595023916090696", "expiry_month": "05", "expiry_year": "2028"}
ENTITY = {
    "customer_id": "asha",
    "instrument_id": "i1",
    "instrument_meta": {"card_network": "visa", "card_token_details": DETAILS},
}
NAMES = [name for name in models.__all__ if issubclass(getattr(models, name), BaseModel)]
WITH_REQUIRED_FIELDS = {struct.__name__ for struct in REQUIRED}
"""Models of requests, which say at once what is missing, as the official ones do."""


@pytest.mark.parametrize("name", sorted(set(NAMES) - WITH_REQUIRED_FIELDS))
def test_every_model_converts_from_json_and_back(name: str) -> None:
    model: Any = getattr(models, name)
    instance = model.from_json("{}")
    assert (instance.to_dict(), instance.to_json()) == ({}, "{}")
    assert model.from_json(instance.to_json()) == instance
    assert model.from_dict(None) is None
    assert set(model.model_fields) == {name.strip("' ") for name in json.loads(keys_of(instance))}


@pytest.mark.parametrize("name", sorted(WITH_REQUIRED_FIELDS))
def test_a_request_without_a_required_field_is_invalid(name: str) -> None:
    with pytest.raises(ValidationError):
        getattr(models, name).from_json("{}")


def keys_of(instance: Any) -> str:
    return json.dumps(list(instance.model_dump()))


def test_unknown_fields_are_dropped() -> None:
    assert InstrumentEntity.from_dict(ENTITY | {"colour": "blue"}).to_dict() == ENTITY


def test_to_dict_omits_fields_that_are_none() -> None:
    assert InstrumentEntity(customer_id="asha").to_dict() == {"customer_id": "asha"}
    assert "'instrument_id': None" in InstrumentEntity(customer_id="asha").to_str()


def test_a_field_of_the_wrong_type_is_rejected() -> None:
    with pytest.raises(ValidationError):
        InstrumentEntity.from_dict({"customer_id": 5})
    entity = InstrumentEntity()
    with pytest.raises(ValidationError):
        entity.customer_id = 5  # type: ignore[assignment]


def test_token_details_are_a_dictionary_with_attributes() -> None:
    entity = InstrumentEntity.from_dict(ENTITY)
    assert entity.instrument_meta
    details = entity.instrument_meta.card_token_details
    assert isinstance(details, SavedInstrumentMetaCardTokenDetails)
    assert details == DETAILS
    assert json.loads(json.dumps(details)) == json.loads(details.to_json()) == DETAILS
    assert (details["par"], details.par) == (DETAILS["par"], DETAILS["par"])
    assert (details.expiry_month, details.expiry_year) == ("05", "2028")
    assert pickle.loads(pickle.dumps(entity)) == entity


def test_token_details_convert_from_json_and_back() -> None:
    details = SavedInstrumentMetaCardTokenDetails.from_json(json.dumps(DETAILS | {"expiry_year": None}))
    assert details is not None
    assert details.to_dict() == {"par": DETAILS["par"], "expiry_month": "05"}
    assert "'expiry_year': None" in details.to_str()
    assert SavedInstrumentMetaCardTokenDetails.from_dict(None) is None


def test_the_repr_of_a_cryptogram_shows_only_its_id() -> None:
    entity = CryptogramEntity(instrument_id="i1", cryptogram="AQBB", card_number="4999")
    assert repr(entity) == "CryptogramEntity(instrument_id='i1')"
    assert str(entity) == "instrument_id='i1'"
    assert "AQBB" in entity.to_str()


def test_from_json_for_one_of_recognises_its_model() -> None:
    assert InstrumentEntity.from_json_for_one_of('{"colour": "blue"}') is None
    assert InstrumentEntity.from_json_for_one_of('{"instrument_id": "i1"}') == InstrumentEntity(instrument_id="i1")


def test_a_webhook_event_is_decoded_as_sent() -> None:
    event = {"data": {"instrument": {"instrument_id": "i1"}}, "event_time": "t", "type": "INSTRUMENT_ACTIVE_WEBHOOK"}
    webhook = InstrumentWebhook.from_dict(event)
    assert webhook.to_dict() == event
    assert webhook.data
    assert webhook.data.instrument == InstrumentEntity(instrument_id="i1")
