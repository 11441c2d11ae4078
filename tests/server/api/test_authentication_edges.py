"""How long and for how many callers an accepted credential is remembered, and the very end of a signature."""

from __future__ import annotations

import pytest

from tests.server.api.calls import Answer, Client, changed
from tests.support.builders import audit_entries
from tests.support.clock import SettableClock
from tests.support.signatures import signature
from tokenvault_server.api import authentication as module
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.clock import SECOND

END_ALL_SECRETS = "UPDATE merchant_secrets SET revoked_at = 1"


@pytest.fixture
async def neighbour(vault: Vault, client: Client) -> Client:
    return Client(vault, client.pipeline, await vault.merchants.add("Next door", "tests"))


async def signed(client: Client, sent: str) -> Answer:
    return await client.call(x_client_secret=None, x_client_signature=sent)


async def signature_for(client: Client, clock: SettableClock) -> str:
    merchant = client.merchant.merchant
    public_key = await client.vault.client_signatures.make_key(merchant.merchant_id, "tests")
    return signature(public_key, merchant.client_id, clock.now() // SECOND)


async def test_a_secret_that_passed_is_remembered_from_that_very_moment(client: Client) -> None:
    assert (await client.call()).status == 200
    await client.tell(END_ALL_SECRETS)
    assert (await client.call()).status == 200


async def test_a_clock_set_back_by_a_microsecond_ends_what_is_remembered(client: Client, clock: SettableClock) -> None:
    assert (await client.call()).status == 200
    await client.tell(END_ALL_SECRETS)
    clock.at -= 1
    assert (await client.call()).status == 401


async def test_a_merchant_acts_as_itself_when_it_is_recognised_and_when_it_is_remembered(
    client: Client, clock: SettableClock
) -> None:
    merchant = client.merchant.merchant
    secret = client.credentials.pop("x-client-secret")
    sent = await signature_for(client, clock)
    for header, value in (("x-client-secret", secret), ("x-client-signature", sent)):
        client.credentials = {"x-client-id": merchant.client_id, header: value}
        for _ in range(2):
            await client.save()
        clock.advance(seconds=1)  # what was remembered of the one must not help the other
    saved = [each for each in await audit_entries(client.vault, merchant.merchant_id) if "enrolled" in each["action"]]
    assert [each["actor"] for each in saved] == [merchant.client_id] * 4
    assert len((await client.call()).body) == 4


async def test_what_a_caller_does_is_audited_with_its_address_and_the_calls_id(client: Client) -> None:
    saved = await client.call("POST", body=changed(), origin="192.0.2.77", x_request_id="req-of-mine")
    assert saved.status == 201
    entry = (await audit_entries(client.vault, client.merchant.merchant.merchant_id))[-1]
    assert (entry["origin"], entry["request_id"]) == ("192.0.2.77", "req-of-mine")


async def test_as_many_callers_are_remembered_as_there_may_be(
    client: Client, neighbour: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REMEMBERED", 1)
    assert [(await each.call()).status for each in (client, neighbour)] == [200, 200]
    await client.tell(END_ALL_SECRETS)
    assert [(await each.call()).status for each in (neighbour, client)] == [200, 401]


async def test_what_passed_in_the_same_second_is_remembered_together(client: Client, clock: SettableClock) -> None:
    sent = await signature_for(client, clock)
    assert [(await signed(client, sent)).status, (await client.call()).status] == [200, 200]
    await client.tell(END_ALL_SECRETS)
    await client.vault.client_signatures.end_key(client.merchant.merchant.merchant_id, "tests")
    assert [(await signed(client, sent)).status, (await client.call()).status] == [200, 200]
    clock.advance(seconds=1)
    assert [(await signed(client, sent)).status, (await client.call()).status] == [401, 401]


async def test_a_signature_counts_whole_seconds(client: Client, clock: SettableClock) -> None:
    sent = await signature_for(client, clock)
    clock.advance(seconds=600.999)
    assert (await signed(client, sent)).status == 200


@pytest.mark.parametrize("junk", [" ", "!", "\xff"])
async def test_a_signature_with_something_else_between_is_refused(
    client: Client, clock: SettableClock, junk: str
) -> None:
    sent = await signature_for(client, clock)
    assert (await signed(client, sent[:100] + junk + sent[100:])).status == 401
