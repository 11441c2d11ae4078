"""Every transport sends the same request, as a real server parses it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client.recording_server import RecordedRequest, recording_server
from tests.client.transports import TRANSPORTS, call, client_options
from tokenvault_client import APIError, Card, Consent

CARD = Card(card_number="4706131211212123", card_expiry_mm="03", card_expiry_yy="30", card_holder_name="Asha Rāo")
CONSENT = Consent(given_at="2026-11-22T10:00:00+05:30", text_version="v1")
NAMED = {"request_id": "r1", "idempotency_key": "k1"}
CALLS: dict[str, tuple[Any, ...]] = {
    "list": ("fetch_instruments", "asha"),
    "fetch": ("fetch_instrument", "asha", "i1"),
    "delete": ("delete_instrument", "asha", "i1"),
    "cryptogram": ("fetch_cryptogram", "asha", "i1"),
    "odd ids": ("fetch_instrument", "a/b c%é", "x?y#z&=;:@+~'\"\\%2e%2e"),
    "nearly dots": ("delete_instrument", "...", ".%2e"),
    "long ids": ("fetch_instrument", "ä" * 128, "i" * 128),
}


def recorded(transport: str, method: str, *arguments: Any, **named: Any) -> RecordedRequest:
    """Return the request of one call as the server parsed it, without the headers of the connection."""
    with recording_server() as server:
        call(transport, client_options(server.base_url), method, *arguments, **NAMED, **named)
    (request,) = server.requests
    headers = [(name, value) for name, value in request.headers if name not in {"host", "connection"}]
    return request._replace(headers=sorted(headers))


@pytest.mark.parametrize("name", CALLS)
def test_all_transports_send_the_same_request(name: str) -> None:
    first, *others = [recorded(transport, *CALLS[name]) for transport in TRANSPORTS]
    assert others == [first] * len(others)


def test_all_transports_send_the_same_body() -> None:
    first, *others = [
        recorded(transport, "enrol_instrument", "asha", CARD, afa_reference="a1", consent=CONSENT)
        for transport in TRANSPORTS
    ]
    assert others == [first] * len(others)
    assert "Asha Rāo".encode() in first.body


def test_a_request_contains_only_documented_parts() -> None:
    request = recorded("http1", *CALLS["fetch"])
    assert (request.method, request.target, request.body) == ("GET", "/pg/customers/asha/instruments/i1", b"")
    assert request.headers == [
        ("accept", "application/json"),
        ("accept-encoding", "identity"),
        ("user-agent", "tokenvault-client/0.1.0"),
        ("x-api-version", "2026-01-01"),
        ("x-client-id", "me"),
        ("x-client-secret", "hush"),
        ("x-idempotency-key", "k1"),
        ("x-request-id", "r1"),
    ]


def test_no_transport_normalises_an_id() -> None:
    assert {recorded(transport, *CALLS["nearly dots"]).target for transport in TRANSPORTS} == {
        "/pg/customers/.../instruments/.%252e"
    }


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_secret_is_not_sent(transport: str, status: int) -> None:
    with (
        recording_server() as other,
        recording_server(status=status, headers={"location": other.base_url}) as server,
    ):
        with pytest.raises(APIError) as rejected:
            call(transport, client_options(server.base_url), "fetch_instrument", "asha", "i1")
        assert rejected.value.status == status
        assert other.requests == []
        assert len(server.requests) == 1


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_cookie_is_not_stored(transport: str) -> None:
    with recording_server(headers={"set-cookie": "a=b"}) as server:
        for _ in range(2):
            call(transport, client_options(server.base_url), "fetch_instrument", "asha", "i1")
    assert not any(name == "cookie" for request in server.requests for name, _ in request.headers)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_proxy_variables_are_ignored(transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with recording_server() as proxy, recording_server() as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base_url)
        call(transport, client_options(server.base_url), "fetch_instrument", "asha", "i1")
        assert proxy.requests == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_response_header_that_is_not_ascii_is_tolerated(transport: str) -> None:
    with recording_server(headers={"x-odd": "é", "x-ratelimit-remaining": "7"}) as server:
        answer = call(transport, client_options(server.base_url), "fetch_instrument", "asha", "i1")
    assert answer.rate_limit.remaining == 7
