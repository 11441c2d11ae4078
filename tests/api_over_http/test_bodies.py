"""Bodies that are too large, lie about their length, or are not what saving a card takes."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.api_over_http.cases import assert_ours, assert_refused, assert_turned_away
from tests.support.emulator_process import Emulator, enrolment
from tests.support.http_client import CALL_SECONDS
from tests.support.raw_socket import exchange, request, send
from tokenvault_contract.documentation import DOCUMENTATION

ROOT = Path(__file__).parents[2]
TARGET = "/pg/customers/bodies/instruments"
CHUNKED = b"transfer-encoding: chunked\r\n"
GOOD = json.dumps(enrolment()).encode()
NOT_A_BODY = {
    "nothing": b"",
    "a list": b"[]",
    "null": b"null",
    "a number": b"4706131211212123",
    "cut short": GOOD[:-1],
    "something after it": GOOD + b"x",
    "NaN": b'{"instrument_type": NaN}',
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "no UTF-8": GOOD.replace(b"Asha", b"\xff\xfe"),
    "a lone surrogate": GOOD.replace(b"Asha", b"\\ud800"),
    "16,000 brackets": b"[" * 16_000,
    "nested objects": b'{"card":' * 2_000,
    "form encoding": b"card_number=4706131211212123",
    "a field of its own": GOOD.replace(b'"instrument_type"', b'"card_cvv": "123", "instrument_type"'),
    "a CVV in the card": GOOD.replace(b'"card_number"', b'"card_cvv": "123", "card_number"'),
    "a card number as a name": GOOD.replace(b'"instrument_type"', b'"4706131211212123": 1, "instrument_type"'),
}
WRONG_FIELDS = {
    "digits of another script": (b"4706131211212123", "४७०६१३१२११२१२१२३".encode(), "card_number_invalid"),
    "a wrong check digit": (b"4706131211212123", b"4706131211212124", "card_number_invalid"),
    "a card of nobody's range": (b"4706131211212123", b"4111111111111111", "card_not_supported"),
    "a number for a number": (b'"4706131211212123"', b"4706131211212123", "card_number_invalid"),
    "no month": (b'"03"', b'"13"', "card_expiry_invalid"),
    "a month of another script": (b'"03"', '"०३"'.encode(), "card_expiry_invalid"),
    "a NUL in the name": (b"Asha", b"\\u0000", "card_holder_name_invalid"),
    "a card number in the name": (b"Asha Rao", b"4706131211212123", "card_holder_name_invalid"),
    "a card number as reference": (b"740324562", b"4706131211212123", "afa_reference_invalid"),
    "a card number as version": (b'"v1"', b'"4706131211212123"', "consent.text_version_invalid"),
    "no reference": (b'"740324562"', b'""', "afa_reference_missing"),
}


@pytest.mark.parametrize("body", NOT_A_BODY.values(), ids=NOT_A_BODY)
def test_an_invalid_enrolment_body_is_refused(running: Emulator, body: bytes) -> None:
    answer = exchange(running.base_url, request(TARGET, running.headers(), "POST", body))
    assert_refused(answer, 400, "request_invalid")


@pytest.mark.parametrize(("good", "bad", "code"), WRONG_FIELDS.values(), ids=WRONG_FIELDS)
def test_a_wrong_field_is_named(running: Emulator, good: bytes, bad: bytes, code: str) -> None:
    body = GOOD.replace(good, bad)
    assert body != GOOD
    answer = exchange(running.base_url, request(TARGET, running.headers(), "POST", body))
    assert_refused(answer, 400, code)


@pytest.mark.parametrize(
    "number",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        " 4706131211212123",
        "4111111111111111",
        "6011111111111117",
        "4706131211212124",
        "499999" + "1" * 10,
        "47061312112",
        "4" * 20,
        "४७०६१३१२११२१२१२३",
        "no number",
    ],
)
def test_a_card_number_that_is_not_served_is_answered_with_the_page_of_test_cards(
    running: Emulator, number: str
) -> None:
    status, body = running.ask("POST", TARGET.removeprefix("/pg"), enrolment(number))
    assert (status, body["code"] in {"card_number_invalid", "card_not_supported"}) == (400, True)
    page = re.search(rf"{DOCUMENTATION}(/reference/test-cards)\.html", body["help"])
    assert page
    assert "`tokenvault cards test`" in body["help"]
    assert "`4706131211212123`" in (ROOT / f"docs{page[1]}.md").read_text()
    assert number not in str(body)


@pytest.mark.parametrize("size", [16_385, 5_000_000])
def test_an_oversized_body_is_refused(running: Emulator, size: int) -> None:
    answer = exchange(running.base_url, request(TARGET, running.headers(), "POST", b"x" * size))
    assert_refused(answer, 413, "request_too_large")


def test_an_oversized_body_in_chunks_is_refused(running: Emulator) -> None:
    head = request(TARGET, running.headers(), "POST", extra=CHUNKED)
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    assert_refused(exchange(running.base_url, head, *[chunk] * 100, b"0\r\n\r\n"), 413, "request_too_large")


def test_a_content_length_of_exabytes_is_refused_at_our_limit(running: Emulator) -> None:
    head = request(TARGET, running.headers(), "POST", extra=b"content-length: 9000000000000000000\r\n")
    assert_refused(exchange(running.base_url, head, b"x" * 20_000), 413, "request_too_large")


def test_a_body_in_chunks_is_as_good_as_any(running: Emulator) -> None:
    head = request(TARGET, running.headers(), "POST", extra=CHUNKED)
    chunks = [b"1\r\n%c\r\n" % byte for byte in GOOD]
    assert assert_ours(exchange(running.base_url, head, *chunks, b"0\r\n\r\n")).status == 201


def test_an_oversized_body_of_a_stranger_is_a_stranger(running: Emulator) -> None:
    headers = running.headers() | {"x-client-secret": "wrong"}
    answer = exchange(running.base_url, request(TARGET, headers, "POST", b"x" * 20_000))
    assert_refused(answer, 401, "request_failed")


@pytest.mark.parametrize(
    "rest",
    [
        b"content-length: -1\r\n\r\n{}",
        b"content-length: two\r\n\r\n{}",
        b"content-length: 99999999999999999999999999\r\n\r\n{}",
        b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}x",
        b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"\r\nzz\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"\r\n-2\r\n{}\r\n0\r\n\r\n",
        CHUNKED + b"\r\nffffffffffffffff\r\n{}",
        CHUNKED + b"\r\n11111111111111111\r\n{}",
        b"content-length: 5000\r\n\r\n{}",
    ],
)
def test_a_false_content_length_is_rejected(running: Emulator, rest: bytes) -> None:
    head = request(TARGET, running.headers(), "POST").removesuffix(b"\r\n")
    assert_turned_away(exchange(running.base_url, head + rest, ends=True))


def test_what_follows_too_short_a_length_is_no_second_call(running: Emulator, card_path: str) -> None:
    """Content-Length says five: what lies behind must not be taken for a request of its own, however well it looks."""
    smuggled = request(card_path, running.headers(), "DELETE")
    body = b'{"a":' + smuggled
    head = request(TARGET, running.headers(), "POST", extra=b"content-length: %d\r\n" % len(body))
    assert_refused(exchange(running.base_url, head + body), 400, "request_invalid")
    assert assert_ours(exchange(running.base_url, request(card_path, running.headers()))).status == 200


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_needless_body_changes_nothing(running: Emulator, method: str) -> None:
    target = "/pg/customers/bodies/instruments/unknown"
    answer = exchange(running.base_url, request(target, running.headers(), method, b"x" * 1_000_000))
    assert_refused(answer, 404, "instrument_not_found")


def test_calls_in_one_breath_are_answered_one_by_one(running: Emulator, card_path: str) -> None:
    base = urlsplit(running.base_url)
    last = running.headers() | {"connection": "close"}
    with socket.create_connection((base.hostname, base.port), CALL_SECONDS) as connection:
        send(connection, [request(card_path, running.headers()) * 2 + request(card_path, last)])
        with connection.makefile("rb") as stream:
            assert stream.read().count(b"HTTP/1.1 200 OK\r\n") == 3
