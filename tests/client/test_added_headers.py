"""A header that a caller adds never changes the request: it is sent as it is, or nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import h11
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace import TracerProvider

from cashfree_pg import ApiClient, Cashfree
from cashfree_pg.exceptions import ApiValueError
from tests.client.recording_transport import RecordingTransport
from tokenvault_client import AsyncClient, Client, UsageError
from tokenvault_client._transports.http1.messages import encode_request
from tokenvault_client.transports import Request
from tokenvault_contract import headers as contract

ARGUMENTS = {
    "x-request-id": "request_id",
    "x-idempotency-key": "idempotency_key",
    "x-api-version": "api_version",
    "x-client-id": "client_id",
    "x-client-secret": "client_secret",
    "x-client-signature": "client_public_key",
    "x-partner-apikey": "partner_api_key",
    "x-partner-merchantid": "partner_merchant_id",
    "host": "base_url",
    "connection": "transport",
}
CHANGING = sorted(
    {
        *contract.FRAMING,
        *("x-http-method-override", "x-http-method", "x-method-override", "x-forwarded-for", "x-forwarded-host"),
        *("x-forwarded-proto", "x-original-url", "x-rewrite-url", "x-real-ip", "x-accel-redirect", "x-host"),
        *("x-webhook-signature", "x-ratelimit-limit", "x-idempotency-replayed"),
    }
)
FREE = ["x-trace", "X-Trace-Id", "traceparent", "Authorization", "Cookie", "b3", "x-gateway-key", "x-amzn-trace-id"]
CREDENTIALS: Any = {"client_id": "me", "client_secret": "s"}


def spellings(name: str) -> Iterator[str]:
    """Yield a name in the ways in which a server may read it as the same."""
    yield from {name, name.upper(), name.title(), name.replace("-", "_"), name.title().replace("-", "_", 1)}


def client(transport: RecordingTransport, headers: Any = None) -> Client:
    return Client(base_url="https://vault.test/pg", headers=headers, transport=transport, **CREDENTIALS)


def test_the_context_of_a_trace_is_sent_with_the_calls_of_its_span_only() -> None:
    transport = RecordingTransport()
    vault, tracer = client(transport), TracerProvider(shutdown_on_exit=False).get_tracer("tests")
    expected: list[str | None] = []
    for _ in range(2):
        with tracer.start_as_current_span("checkout"):
            context: dict[str, str] = {}
            inject(context)
            vault.with_options(headers=context).fetch_instruments("asha")
            expected += [context["traceparent"], None]
        vault.fetch_instruments("asha")
    assert [dict(request.headers).get("traceparent") for request, _ in transport.sent] == expected


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_header_that_an_argument_sets_is_rejected_with_the_name_of_the_argument(name: str) -> None:
    for spelled, kind in product(spellings(name), (Client, AsyncClient)):
        with pytest.raises(UsageError, match=f"pass {ARGUMENTS[name]}"):
            kind(base_url="https://vault.test/pg", headers={spelled: "1"}, **CREDENTIALS)
    with pytest.raises(UsageError, match=f"pass {ARGUMENTS[name]}"):
        client(RecordingTransport()).with_options(headers={name: "1"})


@pytest.mark.parametrize("name", CHANGING)
def test_a_header_that_frames_or_changes_the_message_is_rejected(name: str) -> None:
    for spelled in spellings(name):
        with pytest.raises(UsageError, match="headers must not contain"):
            client(RecordingTransport(), {spelled: "1"})


@pytest.mark.parametrize("name", ["my-header", "x_trace", "date", "server", ":path", "x trace", "x-a:", "x-(a)"])
def test_a_name_that_is_not_on_the_list_is_rejected(name: str) -> None:
    with pytest.raises(UsageError, match="headers must not contain"):
        client(RecordingTransport(), {name: "1"})


@pytest.mark.parametrize("name", FREE)
def test_a_free_header_is_sent(name: str) -> None:
    transport = RecordingTransport()
    client(transport, {name: "a value"}).fetch_instrument("asha", "i1")
    assert [value for sent, value in transport.sent[0][0].headers if sent == name.lower()] == ["a value"]


def test_one_header_cannot_be_added_twice_and_a_later_option_replaces_it() -> None:
    with pytest.raises(UsageError, match="x-trace twice"):
        client(RecordingTransport(), {"X-Trace": "1", "x-trace": "2"})
    transport = RecordingTransport()
    client(transport, {"X-Trace": "1"}).with_options(headers={"x-trace": "2"}).fetch_instrument("asha", "i1")
    assert [value for name, value in transport.sent[0][0].headers if name == "x-trace"] == ["2"]


def requests_read(request: Request) -> list[tuple[str, str, list[str], bytes]]:
    """Return the requests that a second parser, h11, reads from the bytes of one request and of the next."""
    following = Request("GET", "https://vault.test/pg/next", ())
    server = h11.Connection(h11.SERVER)
    server.receive_data(encode_request(request, "vault.test", "/pg/first").reveal())
    server.receive_data(encode_request(following, "vault.test", "/pg/next").reveal())
    found: list[tuple[str, str, list[str], bytes]] = []
    while len(found) < 2:
        match server.next_event():
            case h11.Request() as read:
                names = [name.decode() for name, _ in read.headers]
                found.append((read.method.decode(), read.target.decode(), names, b""))
            case h11.Data() as data:
                found[-1] = (*found[-1][:3], found[-1][3] + bytes(data.data))
            case h11.EndOfMessage():
                server.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                server.send(h11.EndOfMessage())
                server.start_next_cycle()
            case other:
                raise AssertionError(other)
    return found


NAMES = st.sampled_from([*CHANGING, *ARGUMENTS, *FREE, "x-a", "x_b", "my-header"]) | st.text(
    st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20
)
VALUES = st.sampled_from(["1", "0", "chunked", "close", "keep-alive", "100-continue", "x-client-secret", "5, 6"])


@given(headers=st.dictionaries(NAMES, VALUES, max_size=4))
@example({"transfer-encoding": "chunked"})
@example({"Content_Length": "0"})
def test_any_headers_of_a_client_are_rejected_or_harmless(headers: dict[str, str]) -> None:
    transport = RecordingTransport()
    try:
        vault = client(transport, headers)
    except UsageError:
        return
    vault.delete_instrument("asha", "i1")
    check_request(transport.sent[0][0])


@given(headers=st.dictionaries(NAMES, VALUES, max_size=4))
@example({"transfer-encoding": "chunked"})
@example({"Content-Length": "0"})
@example({"Connection": "x-client-secret"})
def test_any_headers_of_the_drop_in_are_rejected_or_harmless(headers: dict[str, str]) -> None:
    transport = RecordingTransport()
    ApiClient.set_default(ApiClient(transport=transport))
    api = Cashfree(Cashfree.SANDBOX, "me", "s", XBaseUrl="https://vault.test/pg")
    try:
        api.PGCustomerInstrumentsFetchCryptogram("asha", "i1", _headers=headers)
    except ApiValueError:
        assert transport.sent == []
        return
    finally:
        ApiClient.set_default(None)
    check_request(transport.sent[0][0])


def check_request(request: Request) -> None:
    """Check that another parser reads this request and the next one as they were meant."""
    names = [name for name, _ in request.headers]
    assert len(names) == len(set(names))
    first, following = requests_read(request)
    assert first == (request.method, "/pg/first", ["host", *names], b"")
    assert following == ("GET", "/pg/next", ["host"], b"")
    assert dict(request.headers)["x-client-secret"] == "s"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("User-Agent", "mine"), ("Accept", "*/*"), ("Accept-Encoding", "gzip"), ("Content-Type", "application/json")),
        *(("Connection", "keep-alive"), ("Connection", "close"), ("My-Company", "1"), ("Date", "today")),
    ],
)
def test_a_harmless_header_passes_through_the_drop_in(name: str, value: str) -> None:
    transport = RecordingTransport()
    ApiClient.set_default(ApiClient(transport=transport))
    api = Cashfree(Cashfree.SANDBOX, "me", "s", XBaseUrl="https://vault.test/pg")
    api.PGCustomerInstrumentsFetchCryptogram("asha", "i1", _headers={name: value})
    ApiClient.set_default(None)
    assert len(transport.sent) == 1


@pytest.mark.parametrize(
    "key", ["host", "content-length", "Transfer-Encoding", "x-api-version", "my-key", "x\n", 5, None]
)
def test_the_authenticating_header_of_the_drop_in_is_a_credential_or_free(key: Any) -> None:
    transport = RecordingTransport()
    ApiClient.set_default(ApiClient(transport=transport))
    api = Cashfree(Cashfree.SANDBOX, XBaseUrl="https://vault.test/pg")
    with pytest.raises(ApiValueError):
        api.PGCustomerFetchInstrument("asha", "i1", _request_auth={"in": "header", "key": key, "value": "1"})
    ApiClient.set_default(None)
    assert transport.sent == []
