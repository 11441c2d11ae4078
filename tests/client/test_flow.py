"""The policy of a call, without a socket, a sleep or a mock."""

from __future__ import annotations

import logging
import pickle
from uuid import RFC_4122, UUID

import pytest

from tests.client.scripted_call import INSTRUMENT, MAYBE_SENT, NOT_SENT, ScriptedCall, error_response, response
from tokenvault_client import (
    APIError,
    AuthenticationError,
    CallTimeoutError,
    Card,
    ConflictError,
    Consent,
    DecodeError,
    ForbiddenError,
    IdempotencyError,
    InternalError,
    InvalidRequestError,
    NotFoundError,
    RateLimitedError,
    Retry,
    RouteNotFoundError,
    TransportError,
    UpstreamError,
    UsageError,
    _calls,
)
from tokenvault_client._flow import new_id
from tokenvault_client._options import Options
from tokenvault_client._retry import retry_after, seconds_before_retry

READ = _calls.fetch_instrument("asha", "i1")
DELETE = _calls.delete_instrument("asha", "i1")
OK = response(200, INSTRUMENT)


def test_an_answer_has_typed_data_and_the_values_of_its_headers() -> None:
    scripted = ScriptedCall(
        [response(200, INSTRUMENT, x_ratelimit_limit="200", x_ratelimit_remaining="7", x_request_id="r9")]
    )
    answer = scripted.call(READ)
    assert answer.data.instrument_display == "XXXXXXXXXXXX2123"
    assert (answer.status, answer.request_id, answer.attempts) == (200, "r9", 1)
    assert answer.rate_limit[:3] == (200, 7, None)
    assert scripted.sent[0].url == "https://vault.test/pg/customers/asha/instruments/i1"


def test_unknown_fields_are_ignored() -> None:
    assert ScriptedCall([response(200, INSTRUMENT | {"new": {"deep": [1]}})]).call(READ).data.instrument_id == "i1"


def test_ids_that_older_versions_send_as_numbers_become_text() -> None:
    assert ScriptedCall([response(200, INSTRUMENT | {"afa_reference": 7403})]).call(READ).data.afa_reference == "7403"


def test_a_call_that_acts_sends_one_generated_key_in_all_its_attempts() -> None:
    scripted = ScriptedCall([NOT_SENT, error_response(503), OK])
    answer = scripted.call(DELETE)
    (key,) = set(scripted.header("x-idempotency-key"))
    assert key == answer.idempotency_key is not None
    assert answer.attempts == 3
    assert len(set(scripted.header("x-request-id"))) == 1


def test_two_calls_never_share_a_generated_key() -> None:
    first, second = ScriptedCall([OK]), ScriptedCall([OK])
    assert first.call(DELETE).idempotency_key != second.call(DELETE).idempotency_key


def test_a_generated_id_is_a_random_uuid() -> None:
    for _ in range(100):
        made = UUID(new_id())
        assert (made.version, made.variant) == (4, RFC_4122)


def test_the_key_and_request_id_of_the_caller_are_sent_unchanged() -> None:
    scripted = ScriptedCall([OK])
    scripted.call(READ, idempotency_key="mine", request_id="r1")
    assert scripted.header("x-idempotency-key") == ["mine"]
    assert scripted.header("x-request-id") == ["r1"]


def test_a_read_sends_no_generated_key() -> None:
    scripted = ScriptedCall([OK])
    assert scripted.call(READ).idempotency_key is None
    assert scripted.header("x-idempotency-key") == [None]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_temporary_error_is_retried(status: int) -> None:
    scripted = ScriptedCall([error_response(status), OK])
    assert scripted.call(DELETE).attempts == 2


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 405, 409, 413, 418, 422, 500, 501])
def test_any_other_error_response_is_not_retried(status: int) -> None:
    scripted = ScriptedCall([error_response(status)])
    with pytest.raises(APIError, match="no"):
        scripted.call(DELETE)
    assert len(scripted.sent) == 1


def test_a_call_that_is_still_in_progress_is_retried() -> None:
    assert ScriptedCall([error_response(409, "request_in_progress"), OK]).call(DELETE).attempts == 2


@pytest.mark.parametrize("error", [NOT_SENT, MAYBE_SENT])
def test_a_lost_connection_is_retried_because_of_the_idempotency_key(error: TransportError) -> None:
    scripted = ScriptedCall([error, OK])
    assert scripted.call(DELETE).attempts == 2


def test_the_error_of_the_last_attempt_is_raised() -> None:
    scripted = ScriptedCall([NOT_SENT, NOT_SENT, MAYBE_SENT])
    with pytest.raises(TransportError, match="connection reset") as failed:
        scripted.call(READ, request_id="r1")
    assert failed.value.sent
    assert failed.value.request_id == "r1"
    assert str(failed.value).endswith("[request r1]")
    assert len(scripted.sent) == 3


def test_retries_can_be_switched_off() -> None:
    scripted = ScriptedCall([error_response(503)], Options(max_retries=0))
    with pytest.raises(APIError):
        scripted.call(READ)
    assert scripted.waits == []


def test_the_wait_is_at_least_what_the_server_requests() -> None:
    scripted = ScriptedCall([error_response(429, x_ratelimit_retry="4", retry_after="2"), OK])
    scripted.call(READ)
    assert 4 <= scripted.waits[0] <= 5


def test_there_is_no_wait_beyond_the_deadline() -> None:
    scripted = ScriptedCall([error_response(429, x_ratelimit_retry="20")])
    with pytest.raises(RateLimitedError) as rejected:
        scripted.call(READ)
    assert rejected.value.retry_after == 20
    assert scripted.waits == []


def test_there_is_no_wait_beyond_the_maximum() -> None:
    scripted = ScriptedCall([error_response(429, x_ratelimit_retry="59")], Options(timeout=600))
    with pytest.raises(RateLimitedError):
        scripted.call(READ)


def test_all_attempts_and_waits_share_one_deadline() -> None:
    scripted = ScriptedCall([MAYBE_SENT, MAYBE_SENT, MAYBE_SENT], Options(timeout=10), seconds_each=6)
    with pytest.raises(TransportError):
        scripted.call(READ)
    assert len(scripted.sent) == 2
    assert scripted.timeouts[0] == 10
    assert scripted.timeouts[1] == pytest.approx(10 - 6 - scripted.waits[0])


def test_a_call_can_have_its_own_deadline() -> None:
    scripted = ScriptedCall([OK])
    scripted.call(READ, timeout=3)
    assert scripted.timeouts == [3]


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
def test_an_invalid_timeout_is_rejected(timeout: float) -> None:
    with pytest.raises(UsageError, match="timeout"):
        ScriptedCall([]).call(READ, timeout=timeout)


def test_on_retry_is_called_before_each_retry() -> None:
    retries: list[Retry] = []
    ScriptedCall([error_response(503), OK], Options(on_retry=retries.append)).call(DELETE)
    (retry,) = retries
    assert (retry.operation, retry.attempt) == ("delete_instrument", 1)
    assert isinstance(retry.error, APIError)
    assert retry.wait > 0


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidRequestError),
        (401, AuthenticationError),
        (403, ForbiddenError),
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
    with pytest.raises(APIError) as rejected:
        ScriptedCall([response(status, body, x_request_id="r2")], Options(max_retries=0)).call(READ)
    raised = rejected.value
    assert type(raised) is error
    assert (raised.status, raised.code, raised.type, raised.message, raised.help) == (status, "c", "t", "m", "h")
    assert str(raised) == f"{status} c: m [request r2]"


def test_an_error_can_be_raised_with_its_message_alone() -> None:
    class GoneError(NotFoundError):
        pass

    kinds: dict[type[APIError], int] = {
        NotFoundError: 404,
        RouteNotFoundError: 404,
        RateLimitedError: 429,
        GoneError: 404,
        APIError: 500,
    }
    assert {kind: kind("gone").status for kind in kinds} == kinds
    error = NotFoundError("gone")
    assert (str(error), error.help, error.code, error.headers, error.body) == ("404: gone", None, "", {}, b"")
    assert str(NotFoundError()) == "404: "
    assert (TransportError("lost").sent, CallTimeoutError().sent, DecodeError("odd").status) == (True, True, 200)


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
def test_a_pickled_error_keeps_everything_except_the_body(error: Exception) -> None:
    pickled = pickle.dumps(error)
    restored = pickle.loads(pickled)
    assert type(restored) is type(error)
    assert str(restored) == str(error)
    assert visible(restored) == visible(error)
    assert getattr(restored, "body", b"") == b""
    assert b"secret" not in pickled


def visible(error: Exception) -> dict[str, object]:
    return {name: value for name, value in vars(error).items() if name != "_body"}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b"\xff", b"[" * 100_000, b'{"message": 3}'])
def test_an_undecodable_error_response_is_classified_by_its_status(body: bytes) -> None:
    with pytest.raises(InvalidRequestError) as rejected:
        ScriptedCall([response(400, body)]).call(READ)
    assert rejected.value.body == body


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b"null", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"instrument_id": []}']
)
def test_an_undecodable_success_is_a_decode_error_without_a_retry(body: bytes) -> None:
    scripted = ScriptedCall([response(200, body)])
    with pytest.raises(DecodeError, match="not one of this API") as failed:
        scripted.call(DELETE)
    assert (failed.value.status, failed.value.body) == (200, body)
    assert failed.value.__cause__ is None
    assert len(scripted.sent) == 1


def test_a_redirect_is_an_error() -> None:
    with pytest.raises(APIError, match="redirects are not followed"):
        ScriptedCall([response(302, b"", location="https://elsewhere.test/")]).call(READ)


def test_a_transport_that_returns_nothing_is_a_timeout() -> None:
    with pytest.raises(CallTimeoutError):
        ScriptedCall([None], Options(max_retries=0)).call(READ)


def test_waits_grow_up_to_a_maximum() -> None:
    waits = [seconds_before_retry(retry, MAYBE_SENT, lambda: 1.0) for retry in range(1, 40)]
    assert waits == sorted(waits)
    assert waits[:3] == [0.25, 0.5, 1.0]
    assert waits[-1] == 8.0


def test_jitter_reduces_a_wait_by_up_to_half() -> None:
    assert seconds_before_retry(1, MAYBE_SENT, lambda: 0.0) == 0.125


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
def test_the_requested_wait_is_read_from_either_header(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, lambda: 0.0) == seconds


@pytest.mark.parametrize("bad", ["", "a\r\nb", "é", "\x00", "a b", "x" * 129, "tvsk_1"])
def test_an_invalid_reference_is_rejected_before_sending(bad: str) -> None:
    scripted = ScriptedCall([])
    with pytest.raises(UsageError, match="request_id"):
        scripted.call(READ, request_id=bad)
    with pytest.raises(UsageError, match="idempotency_key"):
        scripted.call(READ, idempotency_key=bad)
    assert scripted.sent == []


def test_enrolment_sends_the_card_only_in_the_body(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    card = Card(card_number="4706131211212123", card_expiry_mm="03", card_expiry_yy="30")
    consent = Consent(given_at="2026-11-22T10:00:00+05:30", text_version="v1")
    scripted = ScriptedCall([MAYBE_SENT, response(201, INSTRUMENT)])
    scripted.call(_calls.enrol_instrument("asha", card, "740324562", consent))
    assert b"4706131211212123" in (scripted.sent[0].body or b"")
    assert b"card_holder_name" not in (scripted.sent[0].body or b"")
    assert "4706" not in repr((scripted.sent, card)) + caplog.text
    assert "attempt 2: <Request POST https://vault.test/pg/customers/asha/instruments" in caplog.text
    assert "hush" not in repr(scripted.sent) + caplog.text
