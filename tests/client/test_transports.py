"""Every transport, both colours, one request: as a real server parsed it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client.recorder import Heard, recording
from tests.client.ways import WAYS, call, who
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


def heard(way: str, *asked: Any, **options: Any) -> Heard:
    """Gives one call as the server parsed it, without what belongs to the connection."""
    with recording() as server:
        call(way, who(server.base_url), asked[0], *asked[1:], **NAMED, **options)
    (request,) = server.heard
    mine = [(name, value) for name, value in request.headers if name not in {"host", "connection"}]
    return request._replace(headers=sorted(mine))


@pytest.mark.parametrize("name", CALLS)
def test_all_ways_send_the_same_request(name: str) -> None:
    first, *others = [heard(way, *CALLS[name]) for way in WAYS]
    assert others == [first] * len(others)


def test_all_ways_send_the_same_body() -> None:
    first, *others = [heard(way, "enrol_instrument", "asha", CARD, afa_reference="a1", consent=CONSENT) for way in WAYS]
    assert others == [first] * len(others)
    assert "Asha Rāo".encode() in first.body


def test_a_request_is_what_the_api_documents_and_nothing_more() -> None:
    request = heard("http1", *CALLS["fetch"])
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


def test_no_transport_tidies_an_id_up() -> None:
    assert {heard(way, *CALLS["nearly dots"]).target for way in WAYS} == {"/pg/customers/.../instruments/.%252e"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_the_secret_stays(way: str, status: int) -> None:
    with recording() as elsewhere, recording(answer=status, headers={"location": elsewhere.base_url}) as server:
        with pytest.raises(APIError) as refused:
            call(way, who(server.base_url), "fetch_instrument", "asha", "i1")
        assert refused.value.status == status
        assert elsewhere.heard == []
        assert len(server.heard) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_cookie_is_not_kept(way: str) -> None:
    with recording(headers={"set-cookie": "a=b"}) as server:
        for _ in range(2):
            call(way, who(server.base_url), "fetch_instrument", "asha", "i1")
    assert not any(name == "cookie" for request in server.heard for name, _ in request.headers)


@pytest.mark.parametrize("way", WAYS)
def test_no_variable_sends_the_secret_to_a_proxy(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with recording() as proxy, recording() as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.base_url)
        call(way, who(server.base_url), "fetch_instrument", "asha", "i1")
        assert proxy.heard == []


@pytest.mark.parametrize("way", WAYS)
def test_a_header_that_is_not_ascii_harms_nothing(way: str) -> None:
    with recording(headers={"x-odd": "é", "x-ratelimit-remaining": "7"}) as server:
        answer = call(way, who(server.base_url), "fetch_instrument", "asha", "i1")
    assert answer.rate_limit.remaining == 7
