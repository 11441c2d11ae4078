"""A suspended merchant or partner with the right credentials gets one clear 403; everybody else sees what they saw."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from tests.server.api.calls import INSTRUMENTS, Answer, Client, changed
from tests.support.builders import audit_entries
from tests.support.clock import SettableClock
from tests.support.signatures import signature
from tokenvault_server.api.commit_slots import CommitSlots
from tokenvault_server.api.help_texts import help_for
from tokenvault_server.api.idempotency import Idempotency
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.errors import MerchantSuspendedError, PartnerSuspendedError
from tokenvault_server.vault.partners import NewPartner

SUSPENDED = {
    "message": "the merchant is suspended, please ask the operator of the vault",
    "code": "merchant_suspended",
    "type": "authentication_error",
    "help": help_for(MerchantSuspendedError()),
}


@pytest.fixture
async def partner(vault: Vault, client: Client) -> NewPartner:
    partner = await vault.partners.add("Platform", "tests")
    await vault.partners.link(partner.partner_id, client.merchant.merchant.merchant_id, "tests")
    return partner


async def suspend(client: Client) -> None:
    await client.vault.account_states.suspend_merchant(client.merchant.merchant.merchant_id, "tests", "")


async def by_partner(client: Client, partner: NewPartner, **headers: str | None) -> Answer:
    merchant_id = client.merchant.merchant.merchant_id
    sent: dict[str, str | None] = {
        "x_client_id": None,
        "x_client_secret": None,
        "x_partner_merchantid": merchant_id,
        "x_partner_apikey": partner.api_key.reveal(),
    }
    call: dict[str, Any] = sent | headers
    return await client.call(**call)


async def test_a_suspended_merchant_gets_403_in_the_form_of_the_api(client: Client) -> None:
    await suspend(client)
    answer = await client.call()
    assert (answer.status, answer.body) == (403, SUSPENDED)
    assert (answer.headers["x-ratelimit-type"], answer.headers["x-ratelimit-remaining"]) == ("app_id", "199")
    old = await client.call(x_api_version="2022-09-01")
    assert old.body == {name: text for name, text in SUSPENDED.items() if name != "help"}


@pytest.mark.parametrize(
    ("method", "tail", "body"),
    [("DELETE", "", b""), ("GET", "", b""), ("GET", "/cryptogram", b""), ("POST", None, changed()), ("GET", None, b"")],
)
async def test_no_operation_is_carried_out(client: Client, method: str, tail: str | None, body: bytes) -> None:
    path = await client.save()
    merchant_id = client.merchant.merchant.merchant_id
    await suspend(client)
    client.vault.clock.advance(seconds=1)  # type: ignore[attr-defined]  # a settable clock
    before = await audit_entries(client.vault, merchant_id)
    answer = await client.call(method, INSTRUMENTS if tail is None else path + tail, body=body, x_idempotency_key="k")
    assert (answer.status, answer.code) == (403, "merchant_suspended")
    assert await audit_entries(client.vault, merchant_id) == before
    assert (await client.vault.instruments.summary(merchant_id)).live == 1


async def test_a_stored_reply_is_not_given_to_a_suspended_merchant(client: Client) -> None:
    path = await client.save() + "/cryptogram"
    assert (await client.call(path=path, x_idempotency_key="k")).status == 200
    await suspend(client)
    client.vault.clock.advance(seconds=1)  # type: ignore[attr-defined]  # a settable clock
    assert (await client.call(path=path, x_idempotency_key="k")).status == 403


async def test_a_suspension_and_its_end_count_within_a_second(client: Client, clock: SettableClock) -> None:
    assert (await client.call()).status == 200
    await suspend(client)
    clock.advance(seconds=1)
    assert (await client.call()).status == 403
    await client.vault.account_states.resume_merchant(client.merchant.merchant.merchant_id, "tests", "")
    clock.advance(seconds=1)
    assert (await client.call()).status == 200


class SuspendsAtCommit(CommitSlots):
    """Suspends the merchant whose call is about to commit, once."""

    def __init__(self, vault: Vault) -> None:
        super().__init__(1, 1)
        self.vault = vault
        self.is_done = False

    @asynccontextmanager
    async def of(self, merchant_id: MerchantId) -> AsyncIterator[None]:
        if not self.is_done:
            self.is_done = True
            await self.vault.account_states.suspend_merchant(merchant_id, "tests", "")
        yield


async def test_a_save_that_meets_a_suspension_saves_nothing_and_can_be_repeated_after_it(
    client: Client, clock: SettableClock
) -> None:
    vault, merchant_id = client.vault, client.merchant.merchant.merchant_id
    idempotency = Idempotency(vault.engine, vault.idempotency_keys, SuspendsAtCommit(vault))
    client.pipeline = replace(client.pipeline, idempotency=idempotency)
    answer = await client.call("POST", body=changed(), x_idempotency_key="k")
    assert (answer.status, answer.code) == (403, "merchant_suspended")
    assert (await vault.instruments.summary(merchant_id)).live == 0
    await vault.account_states.resume_merchant(merchant_id, "tests", "")
    clock.advance(seconds=1)
    assert (await client.call("POST", body=changed(), x_idempotency_key="k")).status == 201
    assert (await vault.instruments.summary(merchant_id)).live == 1


async def test_every_scheme_meets_the_suspension(client: Client, clock: SettableClock, partner: NewPartner) -> None:
    merchant = client.merchant.merchant
    public_key = await client.vault.client_signatures.make_key(merchant.merchant_id, "tests")
    await suspend(client)
    signed = await client.call(
        x_client_secret=None, x_client_signature=signature(public_key, merchant.client_id, clock.now() // SECOND)
    )
    by_client_id = {"x_client_id": merchant.client_id, "x_partner_merchantid": None}
    for answer in (
        await client.call(),
        signed,
        await by_partner(client, partner),
        await by_partner(client, partner, **by_client_id),
    ):
        assert (answer.status, answer.code) == (403, "merchant_suspended")


async def test_wrong_credentials_of_a_suspended_merchant_look_like_those_of_nobody(
    client: Client, partner: NewPartner
) -> None:
    unknown = await client.call(x_client_id="CLIENT_nobody")
    await suspend(client)
    await client.vault.account_states.suspend_partner(partner.partner_id, "tests", "")
    for answer in (
        await client.call(x_client_secret="wrong"),
        await client.call(x_client_secret=None),
        await by_partner(client, partner, x_partner_apikey="wrong"),
        await by_partner(client, partner, x_partner_merchantid="mer_nobody"),
    ):
        assert (answer.status, answer.raw) == (401, unknown.raw)


async def test_a_suspended_partner_gets_403_and_its_merchant_does_not(client: Client, partner: NewPartner) -> None:
    await client.vault.account_states.suspend_partner(partner.partner_id, "tests", "")
    refused = await by_partner(client, partner)
    assert (refused.status, refused.code, refused.body["help"]) == (
        403,
        "partner_suspended",
        help_for(PartnerSuspendedError()),
    )
    assert refused.headers["x-ratelimit-type"] == "ip", "its calls must not spend the merchant's budget"
    served = await client.call()
    assert (served.status, served.headers["x-ratelimit-remaining"]) == (200, "199")


async def test_a_suspended_partner_does_not_learn_that_its_merchant_is_suspended(
    client: Client, partner: NewPartner
) -> None:
    await suspend(client)
    await client.vault.account_states.suspend_partner(partner.partner_id, "tests", "")
    assert (await by_partner(client, partner)).code == "partner_suspended"


async def test_a_suspended_merchant_can_use_up_its_own_budget_only(client: Client) -> None:
    await suspend(client)
    assert [(await client.call()).status for _ in range(201)] == [403] * 200 + [429]
    assert (await client.call(x_client_secret="wrong")).status == 401


async def test_a_removed_merchant_looks_like_an_unknown_one(
    client: Client, clock: SettableClock, partner: NewPartner
) -> None:
    merchant = client.merchant.merchant
    assert (await client.call()).status == 200
    await client.vault.removals.remove_merchant(merchant.merchant_id, "tests", "")
    clock.advance(seconds=1)
    unknown = await client.call(x_client_id="CLIENT_nobody")
    before = await audit_entries(client.vault, merchant.merchant_id)
    for answer in (await client.call(), await by_partner(client, partner)):
        assert (answer.status, answer.raw) == (401, unknown.raw)
    await client.pipeline.auth_failures.settled()
    assert await audit_entries(client.vault, merchant.merchant_id) == before


async def test_a_removed_partner_looks_like_an_unknown_one(client: Client, partner: NewPartner) -> None:
    unknown = await by_partner(client, partner, x_partner_apikey="tvpk_unknown")
    await client.vault.removals.remove_partner(partner.partner_id, "tests", "")
    answer = await by_partner(client, partner)
    assert (answer.status, answer.raw) == (401, unknown.raw)
