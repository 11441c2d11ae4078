"""The policy of a call, played without a socket, a sleep or a mock."""

from __future__ import annotations

import logging
import pickle
from uuid import RFC_4122, UUID

import pytest

from tests.client.played import INSTRUMENT, LOST, REFUSED, Play, no, said
from tokenvault_client import (
    APIError,
    AuthenticationError,
    CallTimeoutError,
    Card,
    ConflictError,
    Consent,
    DecodeError,
    IdempotencyError,
    InternalError,
    InvalidRequestError,
    NotFoundError,
    RateLimitedError,
    Retry,
    TransportError,
    UpstreamError,
    UsageError,
    _calls,
)
from tokenvault_client._flow import new_id
from tokenvault_client._options import Options
from tokenvault_client._retry import retry_after, wait_before

READ = _calls.fetch_instrument("asha", "i1")
DELETE = _calls.delete_instrument("asha", "i1")
OK = said(200, INSTRUMENT)


def test_a_success_is_typed_and_tells_what_came_with_it() -> None:
    play = Play([said(200, INSTRUMENT, x_ratelimit_limit="200", x_ratelimit_remaining="7", x_request_id="r9")])
    answer = play.call(READ)
    assert answer.data.instrument_display == "XXXXXXXXXXXX2123"
    assert (answer.status, answer.request_id, answer.attempts) == (200, "r9", 1)
    assert answer.rate_limit[:3] == (200, 7, None)
    assert play.sent[0].url == "https://vault.test/pg/customers/asha/instruments/i1"


def test_fields_that_a_newer_server_adds_are_no_failure() -> None:
    assert Play([said(200, INSTRUMENT | {"new": {"deep": [1]}})]).call(READ).data.instrument_id == "i1"


def test_ids_that_older_versions_send_as_numbers_are_read_as_text() -> None:
    assert Play([said(200, INSTRUMENT | {"afa_reference": 7403})]).call(READ).data.afa_reference == "7403"


def test_an_acting_call_keeps_one_generated_key_through_all_its_attempts() -> None:
    play = Play([REFUSED, no(503), OK])
    answer = play.call(DELETE)
    (key,) = set(play.header("x-idempotency-key"))
    assert key == answer.idempotency_key is not None
    assert answer.attempts == 3
    assert len(set(play.header("x-request-id"))) == 1


def test_two_calls_never_share_a_generated_key() -> None:
    first, second = Play([OK]), Play([OK])
    assert first.call(DELETE).idempotency_key != second.call(DELETE).idempotency_key


def test_what_is_generated_is_a_random_uuid() -> None:
    for _ in range(100):
        made = UUID(new_id())
        assert (made.version, made.variant) == (4, RFC_4122)


def test_a_given_key_and_request_id_are_sent_as_they_are() -> None:
    play = Play([OK])
    play.call(READ, idempotency_key="mine", request_id="r1")
    assert play.header("x-idempotency-key") == ["mine"]
    assert play.header("x-request-id") == ["r1"]


def test_a_read_sends_no_key_of_its_own() -> None:
    play = Play([OK])
    assert play.call(READ).idempotency_key is None
    assert play.header("x-idempotency-key") == [None]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_passing_failure_is_tried_again(status: int) -> None:
    play = Play([no(status), OK])
    assert play.call(DELETE).attempts == 2


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 405, 409, 413, 418, 422, 500, 501])
def test_any_other_refusal_is_final(status: int) -> None:
    play = Play([no(status)])
    with pytest.raises(APIError, match="no"):
        play.call(DELETE)
    assert len(play.sent) == 1


def test_a_call_that_still_runs_under_its_key_is_asked_for_again() -> None:
    assert Play([no(409, "request_in_progress"), OK]).call(DELETE).attempts == 2


@pytest.mark.parametrize("lost", [REFUSED, LOST])
def test_a_lost_connection_is_tried_again_since_the_key_makes_it_harmless(lost: TransportError) -> None:
    play = Play([lost, OK])
    assert play.call(DELETE).attempts == 2


def test_the_last_attempts_error_is_the_calls() -> None:
    play = Play([REFUSED, REFUSED, LOST])
    with pytest.raises(TransportError, match="connection reset") as failed:
        play.call(READ, request_id="r1")
    assert failed.value.sent
    assert failed.value.request_id == "r1"
    assert str(failed.value).endswith("[request r1]")
    assert len(play.sent) == 3


def test_retries_can_be_switched_off() -> None:
    play = Play([no(503)], Options(max_retries=0))
    with pytest.raises(APIError):
        play.call(READ)
    assert play.waits == []


def test_the_server_is_given_the_time_that_it_asks_for() -> None:
    play = Play([no(429, x_ratelimit_retry="4", retry_after="2"), OK])
    play.call(READ)
    assert 4 <= play.waits[0] <= 5


def test_a_wait_beyond_the_deadline_is_not_begun() -> None:
    play = Play([no(429, x_ratelimit_retry="20")])
    with pytest.raises(RateLimitedError) as refused:
        play.call(READ)
    assert refused.value.retry_after == 20
    assert play.waits == []


def test_a_wait_beyond_the_cap_is_not_begun() -> None:
    play = Play([no(429, x_ratelimit_retry="59")], Options(timeout=600))
    with pytest.raises(RateLimitedError):
        play.call(READ)


def test_all_attempts_and_waits_fit_into_the_one_deadline() -> None:
    play = Play([LOST, LOST, LOST], Options(timeout=10), seconds_each=6)
    with pytest.raises(TransportError):
        play.call(READ)
    assert len(play.sent) == 2
    assert play.given[0] == 10
    assert play.given[1] == pytest.approx(10 - 6 - play.waits[0])


def test_a_call_may_have_a_deadline_of_its_own() -> None:
    play = Play([OK])
    play.call(READ, timeout=3)
    assert play.given == [3]


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_a_deadline_that_is_none_is_refused(timeout: float) -> None:
    with pytest.raises(UsageError, match="timeout"):
        Play([]).call(READ, timeout=timeout)


def test_whoever_wants_to_know_of_retries_is_told() -> None:
    told: list[Retry] = []
    Play([no(503), OK], Options(on_retry=told.append)).call(DELETE)
    (retry,) = told
    assert (retry.operation, retry.attempt) == ("delete_instrument", 1)
    assert isinstance(retry.error, APIError)
    assert retry.wait > 0


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (404, NotFoundError),
        (409, ConflictError),
        (422, IdempotencyError),
        (429, RateLimitedError),
        (500, InternalError),
        (502, UpstreamError),
        (418, APIError),
    ],
)
def test_every_documented_status_has_a_class(status: int, error: type[APIError]) -> None:
    body = {"message": "m", "code": "c", "type": "t", "help": "h", "more": 1}
    with pytest.raises(APIError) as refused:
        Play([said(status, body, x_request_id="r2")], Options(max_retries=0)).call(READ)
    told = refused.value
    assert type(told) is error
    assert (told.status, told.code, told.type, told.message, told.help) == (status, "c", "t", "m", "h")
    assert str(told) == f"{status} c: m [request r2]"


@pytest.mark.parametrize(
    "error",
    [
        UsageError("m"),
        TransportError("m", sent=True, request_id="r"),
        CallTimeoutError("m", sent=False),
        RateLimitedError("m", status=429, code="c", help="h", retry_after=3.0, headers={"a": "b"}, body=b"secret"),
        DecodeError("m", status=200, body=b"secret", request_id="r"),
    ],
    ids=repr,
)
def test_an_error_comes_out_of_another_process_whole_but_for_the_body(error: Exception) -> None:
    pickled = pickle.dumps(error)
    again = pickle.loads(pickled)
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__ | ({"body": b""} if hasattr(error, "body") else {})
    assert b"secret" not in pickled


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"\xff", b"[" * 100_000, b'{"message": 3}'])
def test_a_refusal_in_other_words_is_told_by_its_status(body: bytes) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        Play([said(400, body)]).call(READ)
    assert refused.value.body == body


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"null", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"instrument_id": []}']
)
def test_a_success_in_other_words_is_a_failure_that_is_not_repeated(body: bytes) -> None:
    play = Play([said(200, body)])
    with pytest.raises(DecodeError, match="not of this API") as failed:
        play.call(DELETE)
    assert (failed.value.status, failed.value.body) == (200, body)
    assert failed.value.__cause__ is None
    assert len(play.sent) == 1


def test_a_redirect_is_an_error_that_says_so() -> None:
    with pytest.raises(APIError, match="redirects are not followed"):
        Play([said(302, b"", location="https://elsewhere.test/")]).call(READ)


def test_a_transport_that_gives_nothing_is_a_timeout() -> None:
    with pytest.raises(CallTimeoutError):
        Play([None], Options(max_retries=0)).call(READ)


def test_each_wait_is_longer_than_the_one_before_and_none_is_endless() -> None:
    waits = [wait_before(retry, LOST, lambda: 1.0) for retry in range(1, 40)]
    assert waits == sorted(waits)
    assert waits[:3] == [0.25, 0.5, 1.0]
    assert waits[-1] == 8.0


def test_the_jitter_takes_away_up_to_half() -> None:
    assert wait_before(1, LOST, lambda: 0.0) == 0.125


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-ratelimit-retry": "0"}, None),
        ({"x-ratelimit-retry": "7"}, 7),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:09 GMT"}, 9),
        ({"retry-after": "Thu, 01 Jan 1960 00:00:09 GMT"}, None),
        ({"retry-after": "soon", "x-ratelimit-retry": "-1"}, None),
        ({"retry-after": "9" * 400, "x-ratelimit-retry": "1e9"}, None),
    ],
    ids=str,
)
def test_what_the_server_asks_for_is_read_from_either_header(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, lambda: 0.0) == seconds


@pytest.mark.parametrize("bad", ["", "a\r\nb", "é", "\x00"])
def test_what_cannot_be_a_header_is_refused_before_anything_is_sent(bad: str) -> None:
    play = Play([])
    with pytest.raises(UsageError, match="x-request-id"):
        play.call(READ, request_id=bad)
    with pytest.raises(UsageError, match="x-idempotency-key"):
        play.call(READ, idempotency_key=bad)
    assert play.sent == []


def test_saving_sends_the_card_once_in_the_body_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    card = Card(card_number="4706131211212123", card_expiry_mm="03", card_expiry_yy="30")
    consent = Consent(given_at="2026-11-22T10:00:00+05:30", text_version="v1")
    play = Play([LOST, said(201, INSTRUMENT)])
    play.call(_calls.enrol_instrument("asha", card, "740324562", consent))
    assert b"4706131211212123" in (play.sent[0].body or b"")
    assert b"card_holder_name" not in (play.sent[0].body or b"")
    assert "4706" not in repr((play.sent, card)) + caplog.text
    assert "attempt 2: <Request POST https://vault.test/pg/customers/asha/instruments" in caplog.text
    assert "hush" not in repr(play.sent) + caplog.text
