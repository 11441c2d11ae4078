"""A version that renames fields and adds a value: every older version keeps its shape, in bodies and in all errors.

The version is fictitious. It comes in through the table of versions and through handlers that speak its shape.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from tests.server.api.calls import INSTRUMENTS, Answer, Client, changed
from tokenvault_contract.documentation import DOCUMENTATION
from tokenvault_contract.entities import CryptogramEntity, InstrumentEntity
from tokenvault_contract.operations import (
    DELETE_INSTRUMENT,
    ENROL_INSTRUMENT,
    FETCH_CRYPTOGRAM,
    FETCH_INSTRUMENT,
    FETCH_INSTRUMENTS,
    OPERATIONS,
)
from tokenvault_contract.problems import ErrorBody
from tokenvault_contract.versions import SUPPORTED, ApiVersion
from tokenvault_server.api.call import Call
from tokenvault_server.api.handlers import Handlers
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.api.shape import Body
from tokenvault_server.api.versions import CHANGES, Change, Undo, Versions
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Unit

NEW = ApiVersion("2027-01-01")
OLD_HELP = "Read the documentation."
VERSIONS = (*SUPPORTED, NEW)


class NewInstrument(msgspec.Struct, frozen=True):
    """The saved card of 2027: `instrument_display` is called `masked_number`, and a deleted card is DELETED."""

    masked_number: str
    instrument_status: str
    rest: InstrumentEntity


class NewCryptogram(msgspec.Struct, frozen=True):
    """The cryptogram of 2027: `card_display` is called `last_four`."""

    last_four: str
    rest: CryptogramEntity


def older_instrument(new: NewInstrument) -> InstrumentEntity:
    status = "INACTIVE" if new.instrument_status == "DELETED" else new.instrument_status
    return msgspec.structs.replace(new.rest, instrument_display=new.masked_number, instrument_status=status)


def older_cryptogram(new: NewCryptogram) -> CryptogramEntity:
    return msgspec.structs.replace(new.rest, card_display=new.last_four)


def older_error(new: ErrorBody) -> ErrorBody:
    return new if new.help is msgspec.UNSET else msgspec.structs.replace(new, help=OLD_HELP)


INSTRUMENT = Undo(NewInstrument, older_instrument, gives=InstrumentEntity)
CHANGE = Change(
    version=NEW,
    summary="Masked numbers, deleted cards, and another text of help.",
    bodies={
        FETCH_INSTRUMENTS: INSTRUMENT,
        FETCH_INSTRUMENT: INSTRUMENT,
        DELETE_INSTRUMENT: INSTRUMENT,
        ENROL_INSTRUMENT: INSTRUMENT,
        FETCH_CRYPTOGRAM: Undo(NewCryptogram, older_cryptogram, gives=CryptogramEntity),
    },
    error=Undo(ErrorBody, older_error),
)
NEW_BODIES: dict[type, type] = {InstrumentEntity: NewInstrument, CryptogramEntity: NewCryptogram}


WRONG_CALLS: dict[str, dict[str, Any]] = {
    "bad request id": {"x_request_id": "a b"},
    "no host": {"host": None},
    "two hosts": {"host": "a, b"},
    "no route": {"path": "/nowhere"},
    "wrong method": {"method": "PUT"},
    "bad id": {"path": "/pg/customers/../instruments"},
    "bad escape": {"path": "/pg/customers/%zz/instruments"},
    "wrong secret": {"x_client_secret": "wrong"},
    "large body": {"method": "POST", "body": None},
    "bad body": {"method": "POST", "body": b"{"},
    "bad key": {"x_idempotency_key": "a b"},
    "bad query": {"query": ""},
    "unknown card": {"path": INSTRUMENTS + "/unknown"},
}


class NewHandlers(Handlers):
    """Handlers as they would be when 2027 is the newest version."""

    async def read(self, call: Call) -> Body:
        return self._renewed(call, await super().read(call))

    async def act(self, call: Call, unit: Unit) -> Body:
        return self._renewed(call, await super().act(call, unit))

    def _renewed(self, call: Call, body: Body) -> Body:
        if isinstance(body, InstrumentEntity):
            status = "DELETED" if call.operation == DELETE_INSTRUMENT else body.instrument_status
            blank = msgspec.structs.replace(body, instrument_display="", instrument_status="")
            return NewInstrument(body.instrument_display, status, blank)
        if isinstance(body, CryptogramEntity):
            return NewCryptogram(body.card_display, msgspec.structs.replace(body, card_display=""))
        assert isinstance(body, list)
        return [self._renewed(call, each) for each in body]  # type: ignore[misc]


@pytest.fixture
async def merchant(vault: Vault, pipeline: Pipeline) -> Client:
    """A client of an API whose newest version is 2027."""
    operations = [replace(each, returns=NEW_BODIES[each.returns]) for each in OPERATIONS]
    versions = Versions(VERSIONS, (CHANGE, *CHANGES), operations)
    handlers = NewHandlers(vault.instruments, vault.cryptograms, vault.clock)
    newer = replace(pipeline, versions=versions, handlers=handlers)
    return Client(vault, newer, await vault.merchants.add("Shop", "tests"))


def assert_shape(body: dict[str, Any], version: str, status: str) -> None:
    if version == NEW:
        assert (body["masked_number"], body["instrument_status"]) == ("XXXXXXXXXXXX2123", status)
        return
    assert "masked_number" not in body
    case = "X" if version >= "2025-01-01" else "x"
    assert body["instrument_display"] == case * 12 + "2123"
    assert body["instrument_status"] == ("INACTIVE" if status == "DELETED" else status)


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_operation_has_the_shape_of_the_version_it_is_asked_in(merchant: Client, version: str) -> None:
    saved = await merchant.call("POST", body=changed(), x_api_version=version)
    instrument_id = (saved.body if version < NEW else saved.body["rest"])["instrument_id"]
    path = f"{INSTRUMENTS}/{instrument_id}"
    fetched = await merchant.call(path=path, x_api_version=version)
    listed = await merchant.call(x_api_version=version)
    cryptogram = await merchant.call(path=path + "/cryptogram", x_api_version=version)
    deleted = await merchant.call("DELETE", path, x_api_version=version)
    for body in (saved.body, fetched.body, *listed.body):
        assert_shape(body, version, "ACTIVE")
    assert_shape(deleted.body, version, "DELETED")
    assert cryptogram.body["last_four" if version == NEW else "card_display"] == "2123"
    assert ("last_four" in cryptogram.body) is (version == NEW)
    for answer in (saved, fetched, listed, cryptogram, deleted):
        assert answer.headers["x-api-version"] == version


def assert_error_shape(answer: Answer, version: str, what: str = "") -> None:
    assert answer.status >= 400, what
    assert answer.headers["x-api-version"] == version, what
    if answer.status not in {401, 429}:
        text = answer.body.get("help", "")
        expected = DOCUMENTATION if version == NEW else OLD_HELP if version >= "2025-01-01" else ""
        assert (expected in text, OLD_HELP in text, text == "") == (True, expected == OLD_HELP, expected == ""), what


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_error_has_the_shape_of_the_version_it_is_asked_in(merchant: Client, version: str) -> None:
    for what, call in WRONG_CALLS.items():
        assert_error_shape(await merchant.call(**call, x_api_version=version), version, what)


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_exhausted_budget_has_the_shape_of_its_version(merchant: Client, version: str) -> None:
    answers = [await merchant.call("DELETE", INSTRUMENTS + "/unknown", x_api_version=version) for _ in range(101)]
    assert answers[-1].status == 429
    for answer in answers:
        assert_error_shape(answer, version)


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_stored_error_is_replayed_in_its_version(merchant: Client, version: str) -> None:
    path = INSTRUMENTS + "/unknown"
    first, again = [await merchant.call("DELETE", path, x_api_version=version, x_idempotency_key="k") for _ in range(2)]
    assert (first.body, again.headers["x-idempotency-replayed"]) == (again.body, "true")
    assert_error_shape(again, version)


async def test_without_a_supported_version_errors_have_the_newest_shape(merchant: Client) -> None:
    for version in (None, "", "2021-05-21", f"{NEW}, {NEW}"):
        for path in (INSTRUMENTS, "/nowhere"):
            answer = await merchant.call(path=path, x_api_version=version)
            assert (answer.headers["x-api-version"], DOCUMENTATION in answer.body["help"]) == (NEW, True)
