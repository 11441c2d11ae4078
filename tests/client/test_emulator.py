"""The lifecycle of a card with both kinds of client, against a vault in another process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.client.transports import TRANSPORTS, ClientOptions, call
from tests.support.commands import run_json
from tests.support.emulator_process import VISA_DEBIT, Emulator, emulator
from tokenvault_client import (
    AuthenticationError,
    Card,
    Client,
    Consent,
    IdempotencyError,
    InvalidRequestError,
    NotFoundError,
    RateLimitedError,
)
from tokenvault_contract.versions import SUPPORTED

CARD = Card(card_number=VISA_DEBIT, card_expiry_mm="03", card_expiry_yy=str(datetime.now(UTC).year + 3))
CONSENT = Consent(given_at=datetime.now(UTC).isoformat(timespec="seconds"), text_version="v1")
NO_TIME = Consent(given_at="soon", text_version="v1")
SAVING = {"afa_reference": "740324562", "consent": CONSENT}


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with emulator("--no-rate-limits") as started:
        yield started


@pytest.fixture
def me(running: Emulator) -> ClientOptions:
    return ClientOptions(base_url=running.base_url, client_id=running.client_id, client_secret=running.client_secret)


@pytest.fixture
def vault(me: ClientOptions) -> Iterator[Client]:
    with Client(**me) as client:
        yield client


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_every_transport_takes_a_card_through_its_lifecycle(transport: str, me: ClientOptions) -> None:
    customer = transport.replace(" ", "-")
    saved = call(transport, me, "enrol_instrument", customer, CARD, **SAVING).data
    assert saved.instrument_display == f"XXXXXXXXXXXX{VISA_DEBIT[-4:]}"
    assert call(transport, me, "fetch_instruments", customer).data == (saved,)
    assert call(transport, me, "fetch_instrument", customer, saved.instrument_id).data == saved
    cryptogram = call(transport, me, "fetch_cryptogram", customer, saved.instrument_id).data
    assert cryptogram.card_display == VISA_DEBIT[-4:]
    assert cryptogram.card_number != VISA_DEBIT
    assert not call(transport, me, "delete_instrument", customer, saved.instrument_id).data.is_active
    with pytest.raises(NotFoundError):
        call(transport, me, "fetch_cryptogram", customer, saved.instrument_id)


@pytest.mark.parametrize("version", SUPPORTED)
def test_every_version_can_be_decoded(version: str, vault: Client) -> None:
    old = vault.with_options(api_version=version)
    saved = old.enrol_instrument("versions", CARD, afa_reference="740324562", consent=CONSENT).data
    assert saved.instrument_meta
    assert saved.instrument_meta.card_network
    assert saved in old.fetch_instruments("versions").data


def test_a_repeat_with_the_same_key_acts_once(vault: Client) -> None:
    first = vault.enrol_instrument("asha", CARD, afa_reference="740324562", consent=CONSENT)
    repeated = vault.enrol_instrument(
        "asha", CARD, afa_reference="740324562", consent=CONSENT, idempotency_key=first.idempotency_key
    )
    assert repeated.data == first.data
    assert (first.is_replay, repeated.is_replay) == (False, True)
    with pytest.raises(IdempotencyError):
        vault.delete_instrument("asha", first.data.instrument_id, idempotency_key=first.idempotency_key)


def test_error_responses_have_their_classes(me: ClientOptions, vault: Client) -> None:
    with pytest.raises(AuthenticationError) as unauthenticated, Client(**me | {"client_secret": "wrong"}) as client:
        client.fetch_instruments("asha")
    assert unauthenticated.value.code == "request_failed"
    with pytest.raises(InvalidRequestError) as invalid:
        vault.enrol_instrument("asha", CARD, afa_reference="7", consent=NO_TIME, request_id="find-me")
    assert invalid.value.request_id == "find-me"
    assert "given_at" in invalid.value.code
    with pytest.raises(InvalidRequestError, match="version"):
        vault.with_options(api_version="1999-01-01").fetch_instruments("asha")


def test_a_partner_makes_calls_for_its_merchant(running: Emulator) -> None:
    with Client(
        base_url=running.base_url,
        partner_merchant_id=running.partner_merchant_id,
        partner_api_key=running.partner_api_key,
    ) as partner:
        assert partner.fetch_instruments("nobody").data == ()
    with Client(
        base_url=running.base_url, client_id=running.client_id, partner_api_key=running.partner_api_key
    ) as partner:
        assert partner.fetch_instruments("nobody").data == ()


def test_a_merchant_authenticates_with_a_signature(tmp_path: Path) -> None:
    data = str(tmp_path / "vault")
    with emulator("--data", data) as running:
        key = run_json("merchant", "signature-key", running.partner_merchant_id, "--data", data)
        vault = Client(base_url=running.base_url, client_id=running.client_id, client_public_key=key["public_key"])
        saved = vault.enrol_instrument("asha", CARD, afa_reference="740324562", consent=CONSENT).data
        assert vault.fetch_cryptogram("asha", saved.instrument_id).data.card_display == VISA_DEBIT[-4:]


def test_an_exceeded_rate_limit_has_the_time_to_wait() -> None:
    with emulator() as limited:
        me = ClientOptions(base_url=limited.base_url, client_id=limited.client_id, client_secret=limited.client_secret)
        with Client(**me) as vault:
            limit = vault.fetch_instruments("asha").rate_limit
            assert (limit.limit, limit.remaining, limit.type) == (200, 199, "app_id")
            for _ in range(199):
                vault.fetch_instruments("asha")
            with pytest.raises(RateLimitedError) as rejected:
                vault.fetch_instruments("asha")
    assert rejected.value.retry_after
    assert 0 < rejected.value.retry_after <= 60
