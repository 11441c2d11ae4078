"""Paths, queries and methods that nobody should send: each gets our error, and none reaches another route."""

from __future__ import annotations

import pytest

from tests.api_over_http.cases import assert_ours, assert_refused, assert_turned_away
from tests.support.emulator_process import Emulator
from tests.support.raw_socket import exchange, request

CARDS = "instruments?instrument_type=card"
NOT_IDS = {
    "a dot": ".",
    "two dots": "..",
    "two encoded dots": "%2e%2e",
    "half encoded dots": ".%2E",
    "nothing": "",
    "a template": "{customer_id}",
    "an encoded template": "%7Bcustomer_id%7D",
    "a NUL": "a%00b",
    "a line break": "a%0d%0ab",
    "a control character": "%1f",
    "a C1 control character": "%c2%85",
    "no escape at all": "a%zz",
    "an escape cut short": "a%4",
    "a lone per cent sign": "a%",
    "no UTF-8": "%ff",
    "an overlong encoding": "%c0%ae%c0%ae",
    "a surrogate": "%ed%a0%80",
    "129 characters": "a" * 129,
    "129 characters of two bytes": "%c3%a9" * 129,
    "a card number": "4706131211212123",
    "a spaced card number": "4706%201312%201121%202123",
}
IDS = {
    "128 characters": "a" * 128,
    "128 characters of two bytes": "%c3%a9" * 128,
    "dots encoded twice": "%252e%252e",
    "a slash": "a%2Fb",
    "slashes and dots": "..%2f..%2fcustomers",
    "a backslash": "c%5C..%5Cx",
    "a path parameter": "c;x=1",
    "a question mark": "a%3Finstrument_type=upi",
    "a fragment": "a%23b",
    "an at sign": "a@b.example",
    "three dots": "...",
}
NO_ROUTES = [
    "/",
    "*",
    "/pg",
    "/pg/",
    "//pg/customers/kept/" + CARDS,
    "/pg//customers/kept/" + CARDS,
    "/PG/customers/kept/" + CARDS,
    "/pg/../pg/customers/kept/" + CARDS,
    "/pg/%2e%2e/pg/customers/kept/" + CARDS,
    "/%70g/customers/kept/" + CARDS,
    "/pg/customers",
    "/pg/customers/kept",
    "/pg/customers/kept/instruments/x/",
    "/pg/customers/kept/instruments/x/cryptogram/",
    "/pg/customers/kept/instruments/x/..",
    "/pg/customers/kept/instruments/x/y",
    "http://tokenvault.example//pg/customers",
]


@pytest.mark.parametrize("segment", NOT_IDS.values(), ids=NOT_IDS)
def test_an_invalid_id_is_refused_with_its_name(running: Emulator, segment: str) -> None:
    customers = exchange(running.base_url, request(f"/pg/customers/{segment}/{CARDS}", running.headers()))
    assert_refused(customers, 400, "customer_id_invalid")
    for tail in ("", "/cryptogram"):
        cards = request(f"/pg/customers/kept/instruments/{segment}{tail}", running.headers())
        assert_refused(exchange(running.base_url, cards), 400, "instrument_id_invalid")


@pytest.mark.parametrize("segment", IDS.values(), ids=IDS)
def test_what_may_be_an_id_stays_one_segment(running: Emulator, segment: str) -> None:
    listed = assert_ours(exchange(running.base_url, request(f"/pg/customers/{segment}/{CARDS}", running.headers())))
    assert (listed.status, listed.body) == (200, b"[]")
    fetched = exchange(running.base_url, request(f"/pg/customers/kept/instruments/{segment}", running.headers()))
    assert_refused(fetched, 404, "instrument_not_found")


@pytest.mark.parametrize("target", NO_ROUTES)
def test_an_unknown_route_is_a_404(running: Emulator, target: str) -> None:
    assert_refused(exchange(running.base_url, request(target, running.headers())), 404, "request_failed")


@pytest.mark.parametrize("path", ["instruments/", "instruments//cryptogram"])
def test_an_empty_id_is_no_id(running: Emulator, path: str) -> None:
    answer = exchange(running.base_url, request(f"/pg/customers/kept/{path}", running.headers()))
    assert_refused(answer, 400, "instrument_id_invalid")


@pytest.mark.parametrize("query", ["", "?", "?instrument_type=", "?INSTRUMENT_TYPE=card", "?x=instrument_type"])
def test_a_list_without_a_type_is_refused(running: Emulator, query: str) -> None:
    target = f"/pg/customers/kept/instruments{query}"
    answer = exchange(running.base_url, request(target, running.headers()))
    assert_refused(answer, 400, "instrument_type_missing")


@pytest.mark.parametrize(
    "value", ["upi", "CARD", "card%00", "card,upi", "card&instrument_type=upi", "card?instrument_type=upi"]
)
def test_a_list_of_another_type_is_refused(running: Emulator, value: str) -> None:
    target = f"/pg/customers/kept/instruments?instrument_type={value}"
    answer = exchange(running.base_url, request(target, running.headers()))
    assert_refused(answer, 400, "instrument_type_invalid")


@pytest.mark.parametrize(
    "query",
    [
        "instrument_type=card",
        "instrument_type=card?instrument_type=card",
        "instrument_type=card&instrument_type=card",
        "x=%zz&instrument_type=card",
        "instrument_type=card&" + "a=b&" * 5000,
    ],
    ids=["plain", "as Python SDK 6 sends it", "as Node SDK 6 sends it", "a broken escape beside it", "20 KB"],
)
def test_every_form_that_asks_for_cards_lists_them(running: Emulator, card_path: str, query: str) -> None:
    target = f"/pg/customers/kept/instruments?{query}"
    listed = assert_ours(exchange(running.base_url, request(target, running.headers())))
    assert [card["instrument_id"] for card in listed.json()] == [card_path.rpartition("/")[2]]


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "PATCH", "POST", "TRACE"])
def test_a_405_lists_the_allowed_methods(running: Emulator, card_path: str, method: str) -> None:
    answer = exchange(running.base_url, request(card_path, running.headers(), method), method=method)
    assert_refused(answer, 405, "method_not_allowed")
    assert answer
    assert sorted(answer.headers["allow"].split(", ")) == ["DELETE", "GET"]


def test_a_head_is_answered_with_headers_alone(running: Emulator, card_path: str) -> None:
    answer = exchange(running.base_url, request(card_path, running.headers(), "HEAD"), method="HEAD")
    assert answer
    assert (answer.status, answer.body, answer.headers["content-type"]) == (405, b"", "application/json")


@pytest.mark.parametrize("authority", ["http://elsewhere.example", "https://user:password@elsewhere.example:1"])
def test_a_proxy_form_of_target_means_its_path(running: Emulator, card_path: str, authority: str) -> None:
    answer = assert_ours(exchange(running.base_url, request(authority + card_path, running.headers())))
    assert answer.status == 200


@pytest.mark.parametrize("method", ["CONNECT", "FOO", "get", ""])
def test_a_malformed_method_is_rejected(running: Emulator, card_path: str, method: str) -> None:
    assert_turned_away(exchange(running.base_url, request(card_path, running.headers(), method)))


@pytest.mark.parametrize(
    "target",
    [
        "pg/customers",
        "?",
        "",
        " ",
        "http://tokenvault.example",
        "/pg/customers/é/instruments",
        "/pg/cust omers",
        "/" + "a" * 1_000_000,
    ],
    ids=["relative", "a query", "none", "a space", "a host alone", "beyond ASCII", "a space inside", "a megabyte"],
)
def test_a_malformed_target_is_rejected(running: Emulator, target: str) -> None:
    assert_turned_away(exchange(running.base_url, request(target, running.headers())))
