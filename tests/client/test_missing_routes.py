"""A 404 of a URL is not a 404 of a card: a wrong base URL has an error of its own, which says what is wrong."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cashfree_pg import Cashfree
from cashfree_pg.exceptions import NotFoundException
from tests.client.faulty_server import faulty_server, sends
from tests.client.faulty_server import response as http_response
from tests.client.scripted_call import ScriptedCall, response
from tests.client.transports import TRANSPORTS, ClientOptions, call
from tests.support.emulator_process import Emulator, emulator
from tokenvault_client import APIError, Card, Client, Consent, NotFoundError, RouteNotFoundError
from tokenvault_client._calls import fetch_instrument
from tokenvault_client._options import Options
from tokenvault_contract.versions import SUPPORTED

CALL = ("fetch_instrument", "asha", "0197f3f0-0000-7000-8000-000000000000")
CARD = Card(card_number="4706131211212123", card_expiry_mm="03", card_expiry_yy="28")
MISSING = {"message": "instrument is not found", "code": "instrument_not_found", "type": "invalid_request_error"}


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with emulator("--no-rate-limits") as running:
        yield running


def options(running: Emulator, base_url: str) -> ClientOptions:
    return ClientOptions(base_url=base_url, client_id=running.client_id, client_secret=running.client_secret)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_base_url_without_its_path_is_not_a_missing_card(transport: str, running: Emulator) -> None:
    host = running.base_url.removesuffix("/pg")
    with pytest.raises(RouteNotFoundError, match=f"must end in /pg: try {running.base_url}") as failed:
        call(transport, options(running, host), *CALL)
    assert (failed.value.status, isinstance(failed.value, NotFoundError)) == (404, False)


@pytest.mark.parametrize("path", ["", "/", "/pg/pg", "/PG", "/Pg/", "/pg/customers", "/pg/customers/asha/instruments"])
def test_the_error_shows_the_base_url_that_works(running: Emulator, path: str) -> None:
    host = running.base_url.removesuffix("/pg")
    with Client(**options(running, host + path)) as client, pytest.raises(RouteNotFoundError) as failed:
        client.fetch_instruments("asha")
    assert f"try {running.base_url} " in str(failed.value)


@pytest.mark.parametrize("path", ["/api", "/v1/vault"])
def test_another_path_is_completed(running: Emulator, path: str) -> None:
    url = running.base_url.removesuffix("/pg") + path
    with Client(**options(running, url)) as client, pytest.raises(RouteNotFoundError, match=f"try {url}/pg "):
        client.fetch_instruments("asha")


def test_the_admin_listener_is_not_the_api(running: Emulator) -> None:
    advice = "check its host, its port and the path before /pg"
    with (
        Client(**options(running, f"{running.console_url}pg")) as client,
        pytest.raises(RouteNotFoundError, match=advice),
    ):
        client.fetch_instruments("asha")


@pytest.mark.parametrize("version", SUPPORTED)
def test_a_missing_card_is_a_missing_card_in_every_version(running: Emulator, version: str) -> None:
    with Client(**options(running, running.base_url), api_version=version) as client:
        with pytest.raises(NotFoundError) as failed:
            client.fetch_instrument(*CALL[1:])
        with pytest.raises(RouteNotFoundError):
            Client(**options(running, running.base_url[:-3]), api_version=version).fetch_instrument(*CALL[1:])
    assert failed.value.code == "instrument_not_found"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><h1>404 Not Found</h1></html>",
        b"404 page not found\n",
        b"null",
        b"[]",
        b'"instrument_not_found"',
        b'{"detail":"Not Found"}',
        b'{"message":"no Route matched with those values"}',
        b'{"timestamp":1,"status":404,"error":"Not Found","path":"/customers"}',
        b'{"code":5,"message":"Not Found","details":[]}',
        b'{"message":"bad URL, please check API documentation","code":"request_failed","type":"invalid_request_error"}',
        b'{"code":"route_not_found","type":"gateway"}',
        b'{"code":"instrument_not_found"',
        b"\xff",
    ],
)
def test_a_404_of_a_proxy_is_not_a_missing_card(body: bytes) -> None:
    with (
        faulty_server(sends(http_response(body, status="404 Not Found"))) as base_url,
        Client(base_url=base_url, client_id="me", client_secret="s") as client,
        pytest.raises(RouteNotFoundError, match="base_url is ") as failed,
    ):
        client.delete_instrument("asha", "i1")
    assert failed.value.body == body


def test_a_host_that_cannot_save_cards_says_so() -> None:
    body = b'{"message":"bad URL","code":"request_failed","type":"invalid_request_error"}'
    consent = Consent(given_at="2026-11-22T08:00:00Z", text_version="v1")
    with (
        faulty_server(sends(http_response(body, status="404 Not Found"))) as base_url,
        Client(base_url=base_url, client_id="me", client_secret="s") as client,
        pytest.raises(RouteNotFoundError, match="Cashfree does not have"),
    ):
        client.enrol_instrument("asha", CARD, afa_reference="1", consent=consent)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(["message", "code", "type", "help", "x"]), JSON) | JSON)
def test_only_the_apis_own_body_says_that_a_card_is_gone(body: Any) -> None:
    with pytest.raises(APIError) as failed:
        ScriptedCall([response(404, body)], Options(max_retries=0)).call(fetch_instrument("asha", "i1"))
    assert type(failed.value) is RouteNotFoundError


@given(st.sampled_from(sorted(MISSING)), JSON)
def test_a_changed_body_never_fails_in_another_way(field: str, value: Any) -> None:
    with pytest.raises(APIError) as failed:
        ScriptedCall([response(404, MISSING | {field: value})], Options(max_retries=0)).call(
            fetch_instrument("asha", "i1")
        )
    assert (
        type(failed.value) is (NotFoundError if field == "message" else RouteNotFoundError) or value == MISSING[field]
    )


@pytest.mark.parametrize("code", ["instrument_not_found", "customer_not_found", "something_not_found"])
def test_a_record_that_is_missing_by_its_code_is_a_missing_card(code: str) -> None:
    with pytest.raises(NotFoundError):
        ScriptedCall([response(404, MISSING | {"code": code})], Options(max_retries=0)).call(
            fetch_instrument("asha", "i1")
        )


def test_the_drop_in_keeps_the_official_exception_and_adds_a_note(running: Emulator) -> None:
    wrong = Cashfree(
        Cashfree.SANDBOX, running.client_id, running.client_secret, XBaseUrl=running.base_url.removesuffix("/pg")
    )
    with pytest.raises(NotFoundException) as failed:
        wrong.PGCustomerFetchInstrument(*CALL[1:])
    assert (type(failed.value), failed.value.status) == (NotFoundException, 404)
    assert str(failed.value).startswith("(404)\nReason: Not Found\nHTTP response headers: HTTPHeaderDict(")
    assert "not about the card" in "".join(traceback.format_exception(failed.value))
    assert isinstance(failed.value.__cause__, RouteNotFoundError)


def test_the_drop_in_adds_nothing_for_a_missing_card(running: Emulator) -> None:
    api = Cashfree(Cashfree.SANDBOX, running.client_id, running.client_secret, XBaseUrl=running.base_url)
    with pytest.raises(NotFoundException) as failed:
        api.PGCustomerFetchInstrument(*CALL[1:])
    assert not hasattr(failed.value, "__notes__")


def test_a_traceback_shows_the_help_of_the_server(running: Emulator) -> None:
    with Client(**options(running, running.base_url)) as client, pytest.raises(NotFoundError) as failed:
        client.fetch_instrument(*CALL[1:])
    assert failed.value.help
    assert f"help: {failed.value.help}" in "".join(traceback.format_exception(failed.value))
    assert failed.value.help not in str(failed.value)
