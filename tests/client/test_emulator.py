"""The life of a card through either colour of client, against a vault in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.client.ways import WAYS, Who, call
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
SAVING = {"afa_reference": "740324562", "consent": CONSENT}


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with emulator("--no-rate-limits") as started:
        yield started


@pytest.fixture
def me(running: Emulator) -> Who:
    return Who(base_url=running.base_url, client_id=running.client_id, client_secret=running.client_secret)


@pytest.fixture
def vault(me: Who) -> Iterator[Client]:
    with Client(**me) as client:
        yield client


@pytest.mark.parametrize("way", WAYS)
def test_a_card_lives_through_every_way_to_call(way: str, me: Who) -> None:
    customer = way.replace(" ", "-")
    saved = call(way, me, "enrol_instrument", customer, CARD, **SAVING).data
    assert saved.instrument_display == f"XXXXXXXXXXXX{VISA_DEBIT[-4:]}"
    assert call(way, me, "fetch_instruments", customer).data == (saved,)
    assert call(way, me, "fetch_instrument", customer, saved.instrument_id).data == saved
    cryptogram = call(way, me, "fetch_cryptogram", customer, saved.instrument_id).data
    assert cryptogram.card_display == VISA_DEBIT[-4:]
    assert cryptogram.card_number != VISA_DEBIT
    assert not call(way, me, "delete_instrument", customer, saved.instrument_id).data.is_active
    with pytest.raises(NotFoundError):
        call(way, me, "fetch_cryptogram", customer, saved.instrument_id)


@pytest.mark.parametrize("version", SUPPORTED)
def test_every_version_is_understood(version: str, vault: Client) -> None:
    old = vault.with_options(api_version=version)
    saved = old.enrol_instrument("versions", CARD, afa_reference="740324562", consent=CONSENT).data
    assert saved.instrument_meta
    assert saved.instrument_meta.card_network
    assert saved in old.fetch_instruments("versions").data


def test_a_repeat_under_one_key_acts_once(vault: Client) -> None:
    first = vault.enrol_instrument("asha", CARD, afa_reference="740324562", consent=CONSENT)
    again = vault.enrol_instrument(
        "asha", CARD, afa_reference="740324562", consent=CONSENT, idempotency_key=first.idempotency_key
    )
    assert again.data == first.data
    assert (first.is_replay, again.is_replay) == (False, True)
    with pytest.raises(IdempotencyError):
        vault.delete_instrument("asha", first.data.instrument_id, idempotency_key=first.idempotency_key)


def test_refusals_have_their_classes(me: Who, vault: Client) -> None:
    with pytest.raises(AuthenticationError) as unknown, Client(**me | {"client_secret": "wrong"}) as stranger:
        stranger.fetch_instruments("asha")
    assert unknown.value.code == "request_failed"
    with pytest.raises(InvalidRequestError) as bad:
        vault.enrol_instrument("asha", CARD, afa_reference="", consent=CONSENT, request_id="find-me")
    assert bad.value.request_id == "find-me"
    assert "afa_reference" in bad.value.code
    with pytest.raises(InvalidRequestError, match="version"):
        vault.with_options(api_version="1999-01-01").fetch_instruments("asha")


def test_a_partner_calls_for_its_merchant(running: Emulator) -> None:
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


def test_a_merchant_signs_in_with_the_public_half_of_its_key(tmp_path: Path) -> None:
    data = str(tmp_path / "vault")
    with emulator("--data", data) as first:
        pass
    key = run_json("merchant", "signature-key", first.partner_merchant_id, "--data", data)
    with (
        emulator("--data", data) as running,
        Client(base_url=running.base_url, client_id=running.client_id, client_public_key=key["public_key"]) as vault,
    ):
        saved = vault.enrol_instrument("asha", CARD, afa_reference="740324562", consent=CONSENT).data
        assert vault.fetch_cryptogram("asha", saved.instrument_id).data.card_display == VISA_DEBIT[-4:]


def test_a_spent_minute_is_told_with_the_time_to_wait() -> None:
    with emulator() as limited:
        me = Who(base_url=limited.base_url, client_id=limited.client_id, client_secret=limited.client_secret)
        with Client(**me) as vault:
            limit = vault.fetch_instruments("asha").rate_limit
            assert (limit.limit, limit.remaining, limit.type) == (200, 199, "app_id")
            for _ in range(199):
                vault.fetch_instruments("asha")
            with pytest.raises(RateLimitedError) as refused:
                vault.fetch_instruments("asha")
    assert refused.value.retry_after
    assert 0 < refused.value.retry_after <= 60
