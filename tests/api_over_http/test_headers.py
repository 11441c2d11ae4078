"""Headers that are missing, empty, repeated, too long, too many or not text: refused by name, or turned away."""

from __future__ import annotations

import pytest

from tests.api_over_http.cases import assert_ours, assert_refused, assert_turned_away
from tests.support.emulator_process import Emulator
from tests.support.http_client import Answer
from tests.support.raw_socket import exchange, request

A_LIST = "/pg/customers/kept/instruments?instrument_type=card"
UNACCEPTABLE = {
    "beyond ASCII": "caf\xe9",
    "129 characters": "a" * 129,
    "a space": "a b",
    "a tab": "a\tb",
    "a card number": "4706131211212123",
    "text around a card number": "order-4706131211212123-1",
}


def ask(running: Emulator, path: str, changed: dict[str, str | None], extra: bytes = b"") -> Answer | None:
    """Sends a good call with some headers changed, None for left out, and further lines after them."""
    headers = {name: value for name, value in (running.headers() | changed).items() if value is not None}
    return exchange(running.base_url, request(path, headers, extra=extra))


def as_partner(running: Emulator) -> dict[str, str | None]:
    """Gives what a partner changes in a merchant's headers."""
    return {"x-client-id": None, "x-client-secret": None, "x-partner-apikey": running.partner_api_key}


@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
def test_a_version_has_to_be_named(running: Emulator, card_path: str, value: str | None) -> None:
    assert_refused(ask(running, card_path, {"x-api-version": value}), 400, "version_missing")


@pytest.mark.parametrize("value", ["2021-05-21", "2026-01-02", "2026-01-01, 2022-01-01", "latest", "\xe9", "a" * 5000])
def test_an_unknown_version_is_refused(running: Emulator, card_path: str, value: str) -> None:
    assert_refused(ask(running, card_path, {"x-api-version": value}), 400, "version_invalid")


@pytest.mark.parametrize("header", ["x-client-id", "x-client-secret"])
@pytest.mark.parametrize("value", [None, "", "wrong", "caf\xe9", "a" * 5000, "4706131211212123"])
def test_a_wrong_credential_tells_nothing(running: Emulator, card_path: str, header: str, value: str | None) -> None:
    assert_refused(ask(running, card_path, {header: value}), 401, "request_failed")


def test_no_credentials_at_all_are_refused(running: Emulator, card_path: str) -> None:
    assert_refused(ask(running, card_path, {"x-client-id": None, "x-client-secret": None}), 401, "request_failed")


def test_a_wrong_partner_key_is_not_saved_by_a_right_secret(running: Emulator, card_path: str) -> None:
    assert_refused(ask(running, card_path, {"x-partner-apikey": "wrong"}), 401, "request_failed")


def test_a_partner_acts_for_no_merchant_that_it_is_not_linked_to(emulated: Emulator) -> None:
    changed = as_partner(emulated) | {"x-partner-merchantid": "mer_of_somebody_else"}
    assert_refused(ask(emulated, A_LIST, changed), 401, "request_failed")


@pytest.mark.parametrize("named_by", ["x-partner-merchantid", "x-client-id"])
def test_a_partner_acts_for_its_merchant(emulated: Emulator, named_by: str) -> None:
    names = {"x-partner-merchantid": emulated.partner_merchant_id, "x-client-id": emulated.client_id}
    answer = ask(emulated, A_LIST, as_partner(emulated) | {named_by: names[named_by]})
    assert assert_ours(answer).status == 200


@pytest.mark.parametrize("header", ["x-request-id", "x-idempotency-key"])
@pytest.mark.parametrize("value", UNACCEPTABLE.values(), ids=UNACCEPTABLE)
def test_an_invalid_token_is_refused_and_not_echoed(running: Emulator, card_path: str, header: str, value: str) -> None:
    answer = ask(running, card_path, {header: value})
    assert_refused(answer, 400, f"{header}_invalid")
    assert answer
    assert value not in answer.headers.values()


@pytest.mark.parametrize("value", ["a", "a" * 128, "!~", "47bf8872-46fe-11ee-be56-0242ac120002"])
def test_what_is_a_token_is_echoed(running: Emulator, card_path: str, value: str) -> None:
    answer = assert_ours(ask(running, card_path, {"x-request-id": value, "x-idempotency-key": value}))
    assert (answer.headers["x-request-id"], answer.headers["x-idempotency-key"]) == (value, value)


@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
def test_a_call_without_a_request_id_gets_one(running: Emulator, card_path: str, value: str | None) -> None:
    answers = [assert_ours(ask(running, card_path, {"x-request-id": value})) for _ in range(2)]
    first, second = (answer.headers["x-request-id"] for answer in answers)
    assert first
    assert first != second


@pytest.mark.parametrize("header", ["x-client-id", "x-client-secret"])
def test_two_different_credentials_are_none(running: Emulator, card_path: str, header: str) -> None:
    right = running.headers()[header].encode()
    assert_refused(ask(running, card_path, {}, b"%s: wrong\r\n" % header.encode()), 401, "request_failed")
    twice = b"%s: %s\r\n" % (header.encode(), right)
    assert_refused(ask(running, card_path, {header: "wrong"}, twice), 401, "request_failed")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("x-api-version", "version_invalid"),
        ("x-request-id", "x-request-id_invalid"),
        ("x-idempotency-key", "x-idempotency-key_invalid"),
    ],
)
def test_a_header_that_there_is_one_of_is_not_sent_twice(
    running: Emulator, card_path: str, header: str, code: str
) -> None:
    twice = b"%s: 2022-01-01\r\n" % header.encode()
    assert_refused(ask(running, card_path, {header: "2026-01-01"}, twice), 400, code)


@pytest.mark.parametrize(
    "lines",
    [
        b"x-request-id: a\x00b\r\n",
        b"x-request-id: a\rb\r\n",
        b"x-folded: a\r\n b\r\n",
        b"x spaced: a\r\n",
        b"x-spaced : a\r\n",
        b": a\r\n",
        b"no colon\r\n",
        b"content-length: 1\r\ncontent-length: 2\r\n",
    ],
)
def test_a_malformed_header_line_is_rejected(running: Emulator, card_path: str, lines: bytes) -> None:
    assert_turned_away(ask(running, card_path, {}, lines))


@pytest.mark.parametrize(
    "lines",
    [b"x-long: " + b"a" * 2_000_000 + b"\r\n", b"".join(b"x-%d: a\r\n" % n for n in range(50_000))],
    ids=["2 MB in one", "50,000 of them"],
)
def test_too_many_headers_are_rejected(running: Emulator, card_path: str, lines: bytes) -> None:
    assert_turned_away(ask(running, card_path, {}, lines))
    assert assert_ours(ask(running, card_path, {})).status == 200
