"""Models with the methods of the official ones, on pydantic 2."""

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

DETAILS = {"par": "V0010013823048595023916090696", "expiry_month": "05", "expiry_year": "2028"}
ENTITY = {
    "customer_id": "asha",
    "instrument_id": "i1",
    "instrument_meta": {"card_network": "visa", "card_token_details": DETAILS},
}
NAMES = [name for name in models.__all__ if issubclass(getattr(models, name), BaseModel)]


@pytest.mark.parametrize("name", NAMES)
def test_every_model_comes_from_json_and_goes_back(name: str) -> None:
    model: Any = getattr(models, name)
    made = model.from_json("{}")
    assert (made.to_dict(), made.to_json()) == ({}, "{}")
    assert model.from_json(made.to_json()) == made
    assert model.from_dict(None) is None
    assert set(model.model_fields) == {name.strip("' ") for name in json.loads(keys_of(made))}


def keys_of(made: Any) -> str:
    return json.dumps(list(made.model_dump()))


def test_fields_that_are_not_known_are_dropped() -> None:
    assert InstrumentEntity.from_dict(ENTITY | {"colour": "blue"}).to_dict() == ENTITY


def test_fields_that_are_none_are_left_out() -> None:
    assert InstrumentEntity(customer_id="asha").to_dict() == {"customer_id": "asha"}
    assert "'instrument_id': None" in InstrumentEntity(customer_id="asha").to_str()


def test_a_field_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(ValidationError):
        InstrumentEntity.from_dict({"customer_id": 5})
    entity = InstrumentEntity()
    with pytest.raises(ValidationError):
        entity.customer_id = 5  # type: ignore[assignment]


def test_what_is_told_of_a_token_is_a_dictionary_with_attributes() -> None:
    entity = InstrumentEntity.from_dict(ENTITY)
    assert entity.instrument_meta
    details = entity.instrument_meta.card_token_details
    assert isinstance(details, SavedInstrumentMetaCardTokenDetails)
    assert details == DETAILS
    assert json.loads(json.dumps(details)) == json.loads(details.to_json()) == DETAILS
    assert (details["par"], details.par) == (DETAILS["par"], DETAILS["par"])
    assert (details.expiry_month, details.expiry_year) == ("05", "2028")
    assert pickle.loads(pickle.dumps(entity)) == entity


def test_details_come_from_json_and_go_back() -> None:
    details = SavedInstrumentMetaCardTokenDetails.from_json(json.dumps(DETAILS | {"expiry_year": None}))
    assert details is not None
    assert details.to_dict() == {"par": DETAILS["par"], "expiry_month": "05"}
    assert "'expiry_year': None" in details.to_str()
    assert SavedInstrumentMetaCardTokenDetails.from_dict(None) is None


def test_a_printed_cryptogram_is_none() -> None:
    entity = CryptogramEntity(instrument_id="i1", cryptogram="AQBB", card_number="4999")
    assert repr(entity) == "CryptogramEntity(instrument_id='i1')"
    assert str(entity) == "instrument_id='i1'"
    assert "AQBB" in entity.to_str()


def test_json_that_may_be_of_another_model_is_told_apart() -> None:
    assert InstrumentEntity.from_json_for_one_of('{"colour": "blue"}') is None
    assert InstrumentEntity.from_json_for_one_of('{"instrument_id": "i1"}') == InstrumentEntity(instrument_id="i1")


def test_a_notification_is_read_as_it_travels() -> None:
    told = {"data": {"instrument": {"instrument_id": "i1"}}, "event_time": "t", "type": "INSTRUMENT_ACTIVE_WEBHOOK"}
    webhook = InstrumentWebhook.from_dict(told)
    assert webhook.to_dict() == told
    assert webhook.data
    assert webhook.data.instrument == InstrumentEntity(instrument_id="i1")
