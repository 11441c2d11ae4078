"""Results are frozen, and do not reveal their secrets."""

from __future__ import annotations

import copy
import logging
import pickle
from pprint import pformat
from typing import Any

import pytest

from tests.client.scripted_call import INSTRUMENT, ScriptedCall, response
from tokenvault_client import Answer, Card, Cryptogram, Instrument, _calls

SECRETS = {
    "token_requestor_id": "22457512314",
    "card_number": "4491365621601472",
    "card_expiry_mm": "06",
    "card_expiry_yy": "2031",
    "cryptogram": "AQBBBBBBZatIlaIAmWKSghwBBBB=",
}
CARD = Card(card_number="4706131211212123", card_expiry_mm="03", card_expiry_yy="2031", card_holder_name="Asha Rao")


@pytest.fixture
def answer() -> Answer[Cryptogram]:
    body = {"instrument_id": "i1", "card_display": "2123", **SECRETS}
    return ScriptedCall([response(200, body)]).call(_calls.fetch_cryptogram("asha", "i1"))


def test_the_fields_of_a_cryptogram_can_be_read(answer: Answer[Cryptogram]) -> None:
    assert {name: getattr(answer.data, name) for name in SECRETS} == SECRETS


def test_no_secret_of_a_cryptogram_is_printed(answer: Answer[Cryptogram], caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("app").warning("%s %r %s", answer, answer.data, [answer.data])
    shown = f"{answer} {answer!r} {answer.data} {answer.data!r} {pformat([answer])} {caplog.text}"
    shown += repr(answer.data.__rich_repr__()) + repr(answer.__rich_repr__())
    assert "i1" in shown
    assert [secret for secret in SECRETS.values() if len(secret) > 2 and secret in shown] == []


def test_no_field_of_a_card_is_printed() -> None:
    assert f"{CARD} {CARD!r} {pformat([CARD])} {CARD.__rich_repr__()}".count("0") == 0


def test_secrets_cannot_be_pickled_or_copied(answer: Answer[Cryptogram]) -> None:
    secrets: list[Any] = [answer, answer.data, CARD]
    for secret in secrets:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            with pytest.raises(TypeError, match="cannot be pickled"):
                pickle.dumps(secret, protocol)
        with pytest.raises(TypeError, match="cannot be pickled"):
            copy.deepcopy(secret)


def test_a_cryptogram_without_its_token_is_rejected() -> None:
    with pytest.raises(Exception, match="not one of this API"):
        ScriptedCall([response(200, {"instrument_id": "i1"})]).call(_calls.fetch_cryptogram("asha", "i1"))


def test_an_instrument_is_frozen_and_can_be_pickled() -> None:
    saved = ScriptedCall([response(200, INSTRUMENT)]).call(_calls.fetch_instrument("asha", "i1")).data
    assert pickle.loads(pickle.dumps(saved)) == saved
    with pytest.raises(AttributeError):
        saved.instrument_id = "other"  # type: ignore[misc]


def test_only_status_active_is_active() -> None:
    assert Instrument("i1", instrument_status="ACTIVE").is_active
    assert not Instrument("i1", instrument_status="INACTIVE").is_active
    assert not Instrument("i1").is_active


def test_an_answer_reads_its_headers() -> None:
    headers = {"x_idempotency_replayed": "true", "x_deprecated_at": "2027-01-01", "x_ratelimit_type": "app_id"}
    answer = ScriptedCall([response(200, INSTRUMENT, **headers)]).call(_calls.fetch_instrument("asha", "i1"))
    assert answer.is_replay
    assert answer.deprecated_at == "2027-01-01"
    assert answer.rate_limit == (None, None, None, "app_id")
