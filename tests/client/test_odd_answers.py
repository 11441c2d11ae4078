"""A genuine answer with an odd field or element is decoded as far as possible."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cashfree_pg import ApiClient, Cashfree
from cashfree_pg.exceptions import ApiException
from tests.client.recording_transport import RecordingTransport
from tests.client.scripted_call import INSTRUMENT, ScriptedCall, response
from tokenvault_client import APIError, DecodeError, Instrument, _calls
from tokenvault_client._options import Options
from tokenvault_client.transports import Response

LIST = _calls.fetch_instruments("asha", "card")
META = {"card_network": "visa", "card_token_details": {"par": "P", "expiry_year": "2031"}}
WHOLE: dict[str, Any] = {**INSTRUMENT, "instrument_status": "ACTIVE", "instrument_meta": META}
ODD = (
    st.none()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.lists(st.integers())
    | st.just({"a": 1})
)


class Answering(RecordingTransport):
    """Returns one body for every request."""

    def __init__(self, body: object) -> None:
        super().__init__()
        self.body = json.dumps(body).encode()

    def send(self, request: Any, seconds: float) -> Response:
        return Response(200, {}, self.body)


def official(body: object) -> Any:
    """Return what the drop-in makes of the body of a list."""
    ApiClient.set_default(ApiClient(transport=Answering(body)))
    try:
        return Cashfree(Cashfree.SANDBOX, "me", "s").PGCustomerFetchInstruments("asha", "card").data
    finally:
        ApiClient.set_default(None)


@given(field=st.sampled_from([*WHOLE, "new"]), value=ODD, whole=st.booleans())
@example(field="instrument_id", value=None, whole=True)
@example(field="instrument_meta", value=[], whole=True)
def test_one_odd_element_does_not_cost_the_list(field: str, value: Any, *, whole: bool) -> None:
    odd = WHOLE | {field: value} if whole else value
    found = ScriptedCall([response(200, [WHOLE, odd, WHOLE])]).call(LIST).data
    assert (found[0], found[-1]) == (found[-1], found[0])
    assert found[0].instrument_meta
    assert found[0].instrument_meta.card_network == "visa"
    has_id = whole and field != "instrument_id"
    assert len(found) == (3 if has_id else 2)
    if has_id and field != "instrument_status":
        assert found[1].is_active
    models = official([WHOLE, odd, WHOLE])
    assert models[0] == models[-1]
    assert len(models) == (3 if isinstance(odd, dict) else 2)


def test_an_odd_field_of_a_nested_object_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    odd = WHOLE | {"instrument_meta": {"card_network": "visa", "card_bank_name": [1], "card_token_details": "no"}}
    (found,) = ScriptedCall([response(200, [odd])]).call(LIST).data
    assert found.instrument_meta
    assert (found.instrument_meta.card_network, found.instrument_meta.card_bank_name) == ("visa", None)
    assert ScriptedCall([response(200, odd)]).call(_calls.fetch_instrument("asha", "i1")).data == found
    assert caplog.text == ""
    assert ScriptedCall([response(200, [5, odd])]).call(LIST).data == (found,)
    assert "left out" in caplog.text


def test_a_cryptogram_needs_the_fields_of_a_payment_and_no_others() -> None:
    whole = dict.fromkeys(
        ("instrument_id", "token_requestor_id", "card_number", "card_expiry_mm", "card_expiry_yy"), "1"
    )
    call = _calls.fetch_cryptogram("asha", "i1")
    body = whole | {"cryptogram": "c", "card_display": [], "token_requestor_id": 22457512314}
    assert ScriptedCall([response(200, body)]).call(call).data.token_requestor_id == "22457512314"
    with pytest.raises(DecodeError):
        ScriptedCall([response(200, whole | {"cryptogram": None})]).call(call)


@pytest.mark.parametrize("body", [{}, None, "x", 5, {"data": []}])
def test_a_body_that_is_no_list_is_an_error(body: object) -> None:
    with pytest.raises(DecodeError):
        ScriptedCall([response(200, body)]).call(LIST)
    with pytest.raises(ApiException):
        official(body)


@pytest.mark.parametrize("odd", [{"help": {}}, {"type": None}, {"message": 3}])
def test_an_odd_field_of_an_error_does_not_cost_its_code(odd: dict[str, Any]) -> None:
    body = {"message": "m", "code": "card_gone", "type": "t"} | odd
    with pytest.raises(APIError) as rejected:
        ScriptedCall([response(404, body)], Options(max_retries=0)).call(LIST)
    assert rejected.value.code == "card_gone"


def test_a_whole_instrument_is_unchanged() -> None:
    (found,) = ScriptedCall([response(200, [WHOLE])]).call(LIST).data
    assert isinstance(found, Instrument)
    assert found.instrument_meta
    assert found.instrument_meta.card_token_details
    assert found.instrument_meta.card_token_details.par == "P"
