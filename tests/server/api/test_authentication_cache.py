"""Accepted credentials are cached for a second, for a bounded number of callers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.server.api.calls import Answer, Client
from tests.support.builders import audit_entries
from tests.support.clock import SettableClock
from tests.support.signatures import signature
from tokenvault_server.api.authentication import Accounts, Authentication
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.vault.last_use import LastUse

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


async def test_an_accepted_secret_is_cached_at_once(client: Client) -> None:
    assert (await client.call()).status == 200
    await client.tell(END_ALL_SECRETS)
    assert (await client.call()).status == 200


async def test_a_clock_set_back_by_a_microsecond_empties_the_cache(client: Client, clock: SettableClock) -> None:
    assert (await client.call()).status == 200
    await client.tell(END_ALL_SECRETS)
    clock.at -= 1
    assert (await client.call()).status == 401


async def test_a_merchant_acts_as_itself_looked_up_or_cached(client: Client, clock: SettableClock) -> None:
    merchant = client.merchant.merchant
    secret = client.credentials.pop("x-client-secret")
    sent = await signature_for(client, clock)
    for header, value in (("x-client-secret", secret), ("x-client-signature", sent)):
        client.credentials = {"x-client-id": merchant.client_id, header: value}
        for _ in range(2):
            await client.save()
        clock.advance(seconds=1)  # the cached credential must not help the other one
    saved = [each for each in await audit_entries(client.vault, merchant.merchant_id) if "enrolled" in each["action"]]
    assert [each["actor"] for each in saved] == [merchant.client_id] * 4
    assert len((await client.call()).body) == 4


async def test_the_cache_keeps_the_newest_callers(vault: Vault, client: Client, neighbour: Client) -> None:
    accounts = Accounts(vault.merchants, vault.partners, vault.client_signatures, LastUse(vault.engine))
    authentication = Authentication(accounts, vault.sealer, client.pipeline.limits, vault.clock, max_cached=1)
    client.pipeline = neighbour.pipeline = replace(client.pipeline, authentication=authentication)
    assert [(await each.call()).status for each in (client, neighbour)] == [200, 200]
    await client.tell(END_ALL_SECRETS)
    assert [(await each.call()).status for each in (neighbour, client)] == [200, 401]


async def test_credentials_of_the_same_second_are_cached_together(client: Client, clock: SettableClock) -> None:
    sent = await signature_for(client, clock)
    assert [(await signed(client, sent)).status, (await client.call()).status] == [200, 200]
    await client.tell(END_ALL_SECRETS)
    await client.vault.client_signatures.end_key(client.merchant.merchant.merchant_id, "tests")
    assert [(await signed(client, sent)).status, (await client.call()).status] == [200, 200]
    clock.advance(seconds=1)
    assert [(await signed(client, sent)).status, (await client.call()).status] == [401, 401]
