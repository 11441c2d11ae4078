"""Uses of the public API for the type checker. They are checked, but never run."""

from __future__ import annotations

from typing import assert_type

import httpx2

from tokenvault_client import (
    Answer,
    APIError,
    AsyncClient,
    Card,
    Client,
    Consent,
    Cryptogram,
    Instrument,
    RateLimit,
    RateLimitedError,
    Retry,
    TokenVaultError,
    TransportError,
    webhooks,
)
from tokenvault_client.transports import AsyncTransport, Httpx2Transport, Request, Response, Transport

CARD = Card(card_number="n", card_expiry_mm="03", card_expiry_yy="30")
CONSENT = Consent(given_at="t", text_version="v1")


def synchronous(vault: Client) -> None:
    assert_type(vault.fetch_instruments("asha"), Answer[tuple[Instrument, ...]])
    assert_type(vault.fetch_instrument("asha", "i1", timeout=3).data, Instrument)
    assert_type(vault.fetch_cryptogram("asha", "i1", idempotency_key="k").data, Cryptogram)
    assert_type(vault.delete_instrument("asha", "i1").rate_limit, RateLimit)
    assert_type(vault.enrol_instrument("asha", CARD, afa_reference="a", consent=CONSENT).idempotency_key, str | None)
    assert_type(vault.with_options(on_retry=record_retry), Client)
    with Client.from_env({}) as other:
        assert_type(other, Client)


async def asynchronous(vault: AsyncClient) -> None:
    assert_type(await vault.fetch_instruments("asha"), Answer[tuple[Instrument, ...]])
    assert_type((await vault.fetch_instrument("asha", "i1")).data.instrument_id, str)
    assert_type((await vault.fetch_cryptogram("asha", "i1")).data.cryptogram, str)
    assert_type(vault.with_options(timeout=1), AsyncClient)
    async with AsyncClient.from_env() as other:
        assert_type(other, AsyncClient)


def record_retry(retry: Retry) -> None:
    assert_type(retry.wait, float)
    assert_type(retry.error, TokenVaultError)


def failed(error: APIError | TransportError) -> None:
    match error:
        case RateLimitedError():
            assert_type(error.retry_after, float | None)
        case APIError():
            assert_type((error.status, error.code, error.help), tuple[int, str, str | None])
        case TransportError():
            assert_type((error.sent, error.request_id), tuple[bool, str | None])


def webhook(body: bytes, headers: dict[str, str]) -> None:
    event = webhooks.verify(body, headers, ["a", "b"], tolerance=60)
    assert_type(event, webhooks.Event)
    assert_type(event.instrument, webhooks.Instrument | None)


class UserTransport:
    def send(self, request: Request, seconds: float) -> Response:
        raise NotImplementedError

    def close(self) -> None: ...


class AsyncUserTransport:
    async def send(self, request: Request, seconds: float) -> Response:
        raise NotImplementedError

    async def close(self) -> None: ...


sync_transport: Transport = UserTransport()
async_transport: AsyncTransport = AsyncUserTransport()
Client(environment="sandbox", client_id="c", client_secret="s", transport=UserTransport())
Client(environment="sandbox", client_id="c", client_secret="s", transport=Httpx2Transport(client=httpx2.Client()))
AsyncClient(
    base_url="https://vault.test/pg", partner_api_key="k", partner_merchant_id="m", transport=AsyncUserTransport()
)

# These must be rejected: the type checker reports an ignore comment without an error.
Client(environment="staging", client_id="c", client_secret="s")  # type: ignore[arg-type]
Client(environment="sandbox", transport=AsyncUserTransport())  # type: ignore[arg-type]
Client("sandbox")  # type: ignore[call-arg]
Card(card_number="n", card_expiry_mm="03", card_expiry_yy="30", card_cvv="123")  # type: ignore[call-arg]
