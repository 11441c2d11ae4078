"""Signing in by `x-client-signature`: what is accepted, for how long, and that it is off unless switched on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.server.api.calls import Answer, Client, changed
from tests.support.builders import audit_entries
from tests.support.clock import SettableClock
from tests.support.signatures import signature
from tokenvault_server.bootstrap import Api, Vault
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.identifiers import MerchantId

pytestmark = pytest.mark.usefixtures("client")


@pytest.fixture
async def public_key(client: Client) -> str:
    return await client.vault.client_signatures.make_key(merchant_id(client), "tests")


def merchant_id(client: Client) -> MerchantId:
    return client.merchant.merchant.merchant_id


def client_id(client: Client) -> str:
    return client.merchant.merchant.client_id


async def signed(client: Client, sent: str, **headers: Any) -> Answer:
    return await client.call(**({"x_client_secret": None, "x_client_signature": sent} | headers))


def seconds(clock: SettableClock) -> int:
    return clock.now() // SECOND


async def test_a_merchant_signs_in_with_its_client_id_and_a_signature(
    client: Client, public_key: str, clock: SettableClock
) -> None:
    made = signature(public_key, client_id(client), seconds(clock))
    assert (await signed(client, made)).status == 200


async def test_both_published_paddings_are_accepted(client: Client, public_key: str, clock: SettableClock) -> None:
    for algorithm in ("sha1", "sha256"):
        made = signature(public_key, client_id(client), seconds(clock), algorithm)
        assert (await signed(client, made)).status == 200


@pytest.mark.parametrize(("age", "status"), [(-61, 401), (-60, 200), (0, 200), (600, 200), (601, 401)])
async def test_a_signature_is_accepted_for_ten_minutes_and_a_minute_too_early(
    client: Client, public_key: str, clock: SettableClock, age: int, status: int
) -> None:
    made = signature(public_key, client_id(client), seconds(clock) - age)
    assert (await signed(client, made)).status == status


async def test_a_signature_serves_many_calls_until_it_expires(
    client: Client, public_key: str, clock: SettableClock
) -> None:
    made = signature(public_key, client_id(client), seconds(clock))
    for _ in range(3):
        assert (await signed(client, made)).status == 200
    clock.advance(minutes=10, seconds=1)
    assert (await signed(client, made)).status == 401


@pytest.mark.parametrize(
    "text", ["{id}", "{id}.", "{id}.-5", "{id}.1e9", "{id} {now}", "{now}.{id}", "x{id}.{now}", ".{now}", "{id}.{now}."]
)
async def test_a_signature_over_any_other_text_is_refused(
    client: Client, public_key: str, clock: SettableClock, text: str
) -> None:
    said = text.format(id=client_id(client), now=seconds(clock))
    assert (await signed(client, signature(public_key, text=said))).status == 401


@pytest.mark.parametrize("sent", ["x", "not base64!", "AAAA", "A" * 344, "é", "A" * 100_000])
async def test_a_malformed_signature_is_refused(client: Client, public_key: str, sent: str) -> None:
    assert (await signed(client, sent)).status == 401


async def test_a_signature_for_another_merchant_is_refused(
    client: Client, public_key: str, clock: SettableClock
) -> None:
    other = (await client.vault.merchants.add("Other", "tests")).merchant
    theirs = await client.vault.client_signatures.make_key(other.merchant_id, "tests")
    for key, name in ((theirs, client_id(client)), (public_key, other.client_id)):
        assert (await signed(client, signature(key, name, seconds(clock)))).status == 401


async def test_a_merchant_without_a_key_is_refused_like_an_unknown_one(client: Client, clock: SettableClock) -> None:
    other = (await client.vault.merchants.add("Other", "tests")).merchant
    theirs = await client.vault.client_signatures.make_key(other.merchant_id, "tests")
    without = await signed(client, signature(theirs, client_id(client), seconds(clock)))
    nobody = await signed(client, signature(theirs, "CLIENT_nobody", seconds(clock)), x_client_id="CLIENT_nobody")
    assert (without.status, without.body) == (nobody.status, nobody.body)
    assert nobody.status == 401


async def test_a_secret_decides_before_a_signature(client: Client, public_key: str, clock: SettableClock) -> None:
    made = signature(public_key, client_id(client), seconds(clock))
    assert (await signed(client, made, x_client_secret="tvsk_wrong")).status == 401
    assert (await signed(client, made, x_client_secret="")).status == 200
    right = client.credentials["x-client-secret"]
    assert (await signed(client, "wrong", x_client_secret=right)).status == 200


async def test_an_accepted_signature_is_no_secret_and_the_reverse(
    client: Client, public_key: str, clock: SettableClock
) -> None:
    made = signature(public_key, client_id(client), seconds(clock))
    assert (await signed(client, made)).status == 200
    assert (await client.call(x_client_secret=made)).status == 401
    secret = client.credentials["x-client-secret"]
    assert (await client.call()).status == 200
    assert (await signed(client, secret)).status == 401


async def test_a_key_that_was_replaced_or_ended_opens_nothing_a_second_later(
    client: Client, public_key: str, clock: SettableClock
) -> None:
    made = signature(public_key, client_id(client), seconds(clock))
    assert (await signed(client, made)).status == 200
    newer = await client.vault.client_signatures.make_key(merchant_id(client), "tests")
    clock.advance(seconds=1)
    assert (await signed(client, made)).status == 401
    made = signature(newer, client_id(client), seconds(clock))
    assert (await signed(client, made)).status == 200
    await client.vault.client_signatures.end_key(merchant_id(client), "tests")
    clock.advance(seconds=1)
    assert (await signed(client, made)).status == 401


async def test_a_refused_signature_is_audited_in_the_merchants_chain(client: Client, public_key: str) -> None:
    await signed(client, "wrong")
    await client.pipeline.auth_failures.settled()
    assert (await audit_entries(client.vault, merchant_id(client)))[-1]["action"] == "authentication.refused"


async def test_the_last_use_of_a_signature_key_is_recorded_like_that_of_a_secret(
    client: Client, api: Api, public_key: str, clock: SettableClock
) -> None:
    made = signature(public_key, client_id(client), seconds(clock))
    for _ in range(2):
        clock.advance(seconds=0.6)
        assert (await signed(client, made)).status == 200
    seen_at = clock.now() - 600_000  # what was recognised in the same second was read then
    await api.stop()  # writes what is otherwise written once a minute
    (key,) = await client.vault.client_signatures.all(merchant_id(client))
    assert key.last_used_at == seen_at


async def test_a_refused_signature_has_no_last_use(
    client: Client, api: Api, public_key: str, clock: SettableClock
) -> None:
    made = signature(public_key, client_id(client), seconds(clock) - 601)
    assert (await signed(client, made)).status == 401
    await api.stop()
    (key,) = await client.vault.client_signatures.all(merchant_id(client))
    assert key.last_used_at is None


@pytest.fixture
async def served(vault: Vault, client: Client) -> AsyncIterator[Client]:
    """The same vault, served as `tokenvault serve` does unless it is told otherwise."""
    api = Api(msgspec.structs.replace(vault.settings, signature_auth=False), vault)
    yield Client(vault, await api.start(), client.merchant)
    await api.stop()


async def test_unless_switched_on_no_signature_is_accepted(
    served: Client, public_key: str, clock: SettableClock
) -> None:
    made = signature(public_key, client_id(served), seconds(clock))
    assert (await signed(served, made)).status == 401
    assert (await served.call(x_client_signature=made)).status == 200


async def test_a_signature_counts_whole_seconds(client: Client, public_key: str, clock: SettableClock) -> None:
    sent = signature(public_key, client_id(client), seconds(clock))
    clock.advance(seconds=600.999)
    assert (await signed(client, sent)).status == 200


@pytest.mark.parametrize("junk", [" ", "!", "\xff"])
async def test_a_signature_with_a_foreign_character_inside_is_refused(
    client: Client, public_key: str, clock: SettableClock, junk: str
) -> None:
    sent = signature(public_key, client_id(client), seconds(clock))
    assert (await signed(client, sent[:100] + junk + sent[100:])).status == 401


async def test_what_a_signing_caller_does_is_audited_with_its_address_and_the_calls_id(
    client: Client, public_key: str, clock: SettableClock
) -> None:
    made = signature(public_key, client_id(client), seconds(clock))
    own = {"method": "POST", "body": changed(), "origin": "192.0.2.77", "x_request_id": "req-of-mine"}
    assert (await signed(client, made, **own)).status == 201
    entry = (await audit_entries(client.vault, merchant_id(client)))[-1]
    assert (entry["actor"], entry["origin"], entry["request_id"]) == (client_id(client), "192.0.2.77", "req-of-mine")
