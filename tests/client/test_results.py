"""Results are frozen, and do not reveal their secrets."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from datetime import UTC, date, datetime, timedelta, timezone
from pprint import pformat
from typing import Any

import pytest

from tests.client.scripted_call import INSTRUMENT, ScriptedCall, response
from tokenvault_client import (
    Answer,
    Card,
    Consent,
    Cryptogram,
    Instrument,
    InstrumentMeta,
    TokenDetails,
    UsageError,
    _calls,
    webhooks,
)
from tokenvault_client.results import Result

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


@pytest.mark.parametrize(
    ("month", "year", "expires"),
    [
        ("05", "2031", (2031, 6)),
        ("05", "31", (2031, 6)),
        ("5", "31", (2031, 6)),
        ("12", "2031", (2032, 1)),
        ("12", "99", (2100, 1)),
        ("00", "2031", None),
        ("13", "2031", None),
        ("05", "1999", None),
        ("05", "031", None),
        ("05", "9999", None),
        ("05", "", None),
        ("05", "²⁰", None),
        ("-5", "2031", None),
        (None, "2031", None),
        ("05", None, None),
    ],
)
def test_a_token_expires_when_its_month_has_ended_everywhere(
    month: str | None, year: str | None, expires: tuple[int, int] | None
) -> None:
    saved = card(month, year)
    moment = datetime(*expires, 1, 12, tzinfo=UTC) if expires else None
    assert saved.token_expires_at == moment
    assert saved.is_active
    late = datetime(9999, 1, 1, tzinfo=UTC)
    assert saved.is_payable(late) == (moment is None)
    if moment:
        assert saved.is_payable(moment - timedelta(microseconds=1))
        assert not saved.is_payable(moment.astimezone(timezone(timedelta(hours=5, minutes=30))))


def test_a_card_that_is_not_active_is_not_payable() -> None:
    assert not card("05", "2031", "INACTIVE").is_payable(datetime(2026, 1, 1, tzinfo=UTC))
    assert Instrument("i1", instrument_status="ACTIVE").is_payable()
    assert Instrument("i1", instrument_status="ACTIVE").token_expires_at is None
    assert card("05", "2099").is_payable()
    assert not card("05", "2001").is_payable()


@pytest.mark.parametrize("at", [datetime(2026, 1, 1), "2026-01-01", 5, date(2026, 1, 1)], ids=repr)  # noqa: DTZ001
def test_a_time_without_a_zone_is_rejected(at: Any) -> None:
    with pytest.raises(UsageError, match="at must be"):
        card("05", "2031").is_payable(at)


def card(month: str | None, year: str | None, status: str = "ACTIVE") -> Instrument:
    meta = InstrumentMeta(card_token_details=TokenDetails(expiry_month=month, expiry_year=year))
    return Instrument("i1", instrument_status=status, instrument_meta=meta)


EVENT = webhooks.Event("t", webhooks.Data(webhooks.Instrument("i1", afa_reference=7)), None, b"\xff")
RESULTS = [card("05", "31"), TokenDetails("p"), Consent(given_at="t", text_version="v"), EVENT, webhooks.Data()]


@pytest.mark.parametrize("result", RESULTS, ids=repr)
def test_a_result_can_be_sent_as_json_and_restored(result: Result) -> None:
    sent = json.loads(json.dumps(result.to_dict()))
    assert type(result).from_dict(sent) == result
    assert type(result).from_dict(sent | {"new": 1}) == result
    assert pickle.loads(pickle.dumps(result)) == copy.deepcopy(result) == result


@pytest.mark.parametrize("fields", [{}, {"instrument_id": 5}, None, [], "x", {"instrument_id": "i", "created_at": []}])
def test_fields_that_do_not_fit_are_rejected(fields: Any) -> None:
    with pytest.raises(UsageError, match="fields"):
        Instrument.from_dict(fields)


def test_answers_about_saved_cards_can_be_pickled() -> None:
    one = ScriptedCall([response(200, INSTRUMENT)]).call(_calls.fetch_instrument("asha", "i1"))
    several = ScriptedCall([response(200, [INSTRUMENT])]).call(_calls.fetch_instruments("asha", "card"))
    assert [pickle.loads(pickle.dumps(each)) for each in (one, several)] == [one, several]


def test_an_answer_reads_its_headers() -> None:
    headers = {"x_idempotency_replayed": "true", "x_deprecated_at": "2027-01-01", "x_ratelimit_type": "app_id"}
    answer = ScriptedCall([response(200, INSTRUMENT, **headers)]).call(_calls.fetch_instrument("asha", "i1"))
    assert answer.is_replay
    assert answer.deprecated_at == "2027-01-01"
    assert answer.rate_limit == (None, None, None, "app_id")
