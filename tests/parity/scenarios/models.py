"""Models that are created and changed directly."""

from __future__ import annotations

import json
from typing import Any

from tests.parity.scenarios.catalogue import FETCH, each, scenario
from tests.parity.styles import Sdk, module

ENTITY = {"customer_id": "c", "instrument_id": "i1", "instrument_meta": {"card_network": "visa"}, "colour": "blue"}


@each("{} from a dictionary", ["instrument_entity InstrumentEntity", "cryptogram_entity CryptogramEntity"])
def from_dict(sdk: Sdk, name: str) -> Any:
    file, _, kind = name.partition(" ")
    return getattr(module(f"models.{file}"), kind).from_dict(ENTITY)


@scenario("a model from JSON")
def from_json(sdk: Sdk) -> Any:
    return module("models").InstrumentEntity.from_json(json.dumps(ENTITY))


@scenario("models of nothing")
def from_nothing(sdk: Sdk) -> Any:
    kind = module("models").InstrumentEntity
    return [kind.from_dict(None), kind.from_json("null")]


@scenario("from_json_for_one_of")
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


@scenario("a changed model")
def changed(sdk: Sdk) -> Any:
    kind = module("models").InstrumentEntity
    entity = kind(customer_id="c")
    entity.customer_id = "d"
    return [entity.to_dict(), entity == kind(customer_id="d"), entity == kind(customer_id="c")]


@scenario("an error as a model")
def error_as_model(sdk: Sdk) -> Any:
    try:
        sdk.scripted(FETCH, "status-400", "i1")
    except module("rest").ApiException as error:
        return module("models").AuthenticationError.from_json(error.body)
