"""Transactions of a merchant lock its audit chain before its other rows, so that they cannot deadlock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.support.builders import a_saved_card, sql
from tests.support.engines import Recording
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import TooManyEndpointsError
from tokenvault_server.vault.merchants import Merchants
from tokenvault_server.vault.webhooks import MAX_ENDPOINTS, Webhooks

URL = "http://127.0.0.1:9/hook"

Act = Callable[[Vault, Caller, Recording], Awaitable[object]]


def webhooks(vault: Vault, engine: Recording) -> Webhooks:
    return Webhooks(engine, vault.sealer, vault.row_tags, vault.audit, vault.clock, len)


def merchants(vault: Vault, engine: Recording) -> Merchants:
    return Merchants(engine, vault.keyring, vault.sealer, vault.row_tags, vault.audit, vault.clock)


async def rotate(vault: Vault, caller: Caller, engine: Recording) -> None:
    await merchants(vault, engine).rotate_secret(caller.merchant_id, 60, "tests")


async def revoke(vault: Vault, caller: Caller, engine: Recording) -> None:
    (secret,) = await vault.merchants.secrets(caller.merchant_id)
    await merchants(vault, engine).revoke_secret(caller.merchant_id, secret.credential_id, "tests")


async def remove(vault: Vault, caller: Caller, engine: Recording) -> None:
    endpoint = await vault.webhooks.add(caller.merchant_id, URL, "tests")
    await webhooks(vault, engine).remove(caller.merchant_id, endpoint.endpoint_id, "tests")


async def resend(vault: Vault, caller: Caller, engine: Recording) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    await a_saved_card(vault, caller)
    ((event_id,),) = await sql(vault.engine, "SELECT event_id FROM webhook_events")
    await webhooks(vault, engine).resend(caller.merchant_id, event_id, "tests")


@pytest.mark.parametrize(
    ("act", "later"),
    [
        (rotate, "end_merchant_secret"),
        (revoke, "end_merchant_secret"),
        (remove, "delete_endpoint"),
        (resend, "next_delivery_number"),
    ],
)
async def test_an_operators_action_locks_the_chain_first(vault: Vault, caller: Caller, act: Act, later: str) -> None:
    engine = Recording(vault.engine)
    await act(vault, caller, engine)
    locked = min(engine.names.index(name) for name in ("lock_head", "next_sequence") if name in engine.names)
    assert locked < engine.names.index(later)


async def test_the_limit_of_endpoints_holds_when_they_are_added_concurrently(vault: Vault, caller: Caller) -> None:
    adding = (vault.webhooks.add(caller.merchant_id, URL, "tests") for _ in range(MAX_ENDPOINTS + 4))
    results = await asyncio.gather(*adding, return_exceptions=True)
    refused = [result for result in results if isinstance(result, TooManyEndpointsError)]
    assert (len(refused), len(await vault.webhooks.endpoints(caller.merchant_id))) == (4, MAX_ENDPOINTS)
