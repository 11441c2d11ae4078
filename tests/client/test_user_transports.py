"""Transports of users: a client uses them, and turns every exception of theirs into its own errors."""

from __future__ import annotations

import asyncio

import pytest

from tests.client.recording_transport import AsyncRecordingTransport, RecordingTransport
from tokenvault_client import AsyncClient, Client, TransportError, UsageError


def client(transport: RecordingTransport) -> Client:
    return Client(environment="sandbox", client_id="me", client_secret="hush", max_retries=0, transport=transport)


def test_a_client_sends_over_the_transport_of_the_user() -> None:
    transport = RecordingTransport()
    with client(transport) as vault:
        assert vault.fetch_cryptogram("asha", "i1").data.cryptogram == "c"
    assert transport.sent[0][0].url == "https://sandbox.cashfree.com/pg/customers/asha/instruments/i1/cryptogram"
    assert transport.is_closed


def test_an_async_client_sends_over_the_transport_of_the_user() -> None:
    transport = AsyncRecordingTransport()

    async def fetch() -> None:
        async with AsyncClient(
            environment="production", client_id="me", client_secret="hush", transport=transport
        ) as vault:
            assert (await vault.fetch_cryptogram("asha", "i1")).data.cryptogram == "c"

    asyncio.run(fetch())
    assert transport.inner.sent[0][0].url.startswith("https://api.cashfree.com/pg/")
    assert transport.inner.is_closed


@pytest.mark.parametrize("error", [OSError("disk"), RuntimeError("bug"), KeyError("bug"), AssertionError()], ids=repr)
def test_any_exception_of_a_transport_becomes_a_transport_error(error: Exception) -> None:
    with pytest.raises(TransportError, match=type(error).__name__) as failed:
        client(RecordingTransport(error)).fetch_instrument("asha", "i1")
    assert failed.value.sent
    assert failed.value.__cause__ is error
    with pytest.raises(TransportError, match=type(error).__name__):
        asyncio.run(fetch_over(AsyncRecordingTransport(RecordingTransport(error))))


async def fetch_over(transport: AsyncRecordingTransport) -> None:
    await AsyncClient(
        environment="sandbox", client_id="me", client_secret="hush", max_retries=0, transport=transport
    ).fetch_instrument("asha", "i1")


def test_a_keyboard_interrupt_is_not_reported_as_an_error() -> None:
    class Interrupted(RecordingTransport):
        def send(self, request: object, seconds: float) -> None:  # type: ignore[override]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client(Interrupted()).fetch_instrument("asha", "i1")


def test_with_options_changes_only_the_new_client_and_shares_connections() -> None:
    transport = RecordingTransport()
    first = client(transport)
    second = first.with_options(timeout=3, headers={"x-a": "1"})
    third = second.with_options(api_version="2025-01-01", headers={"x-b": "2"})
    for vault in (first, second, third):
        vault.fetch_instrument("asha", "i1")
    seconds = [seconds for _, seconds in transport.sent]
    headers = [dict(request.headers) for request, _ in transport.sent]
    assert seconds == pytest.approx([15, 3, 3], abs=0.5)
    assert [header.get("x-a") for header in headers] == [None, "1", "1"]
    assert [header.get("x-b") for header in headers] == [None, None, "2"]
    assert [header["x-api-version"] for header in headers] == ["2026-01-01", "2026-01-01", "2025-01-01"]


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 0},
        {"max_retries": -1},
        {"max_retry_wait": -1},
        {"api_version": ""},
        {"headers": {"x-a": "b\r\nc"}},
        {"headers": {"x-\n": "b"}},
    ],
    ids=repr,
)
def test_invalid_options_are_rejected(options: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        client(RecordingTransport()).with_options(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad", ["", ".", "..", "{customer_id}", "{}", "a\x00", "a\r\nb", "\x7f", "tvsk_1", "\ud800", "x" * 129], ids=ascii
)
def test_an_invalid_id_is_rejected_before_sending(bad: str) -> None:
    transport = RecordingTransport()
    vault = client(transport)
    for method in (vault.fetch_instrument, vault.delete_instrument, vault.fetch_cryptogram):
        for ids in ((bad, "i1"), ("asha", bad)):
            with pytest.raises(UsageError, match="_id must"):
                method(*ids)
    with pytest.raises(UsageError, match="customer_id must"):
        vault.fetch_instruments(bad)
    assert transport.sent == []


def test_an_id_must_be_text() -> None:
    with pytest.raises(UsageError, match="customer_id must be a string"):
        client(RecordingTransport()).fetch_instruments(7)  # type: ignore[arg-type]
