"""Every card goes to the provider of its route, and back to it whatever is routed later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.builders import (
    a_cryptogram,
    a_deleted_card,
    a_request,
    a_saved_card,
    key_of,
    sql,
)
from tests.support.clock import SettableClock
from tests.support.second_tsp import SecondTsp
from tests.support.token_events import now_of, pull, told
from tests.support.tsp import behind
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.instrument import InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import (
    CardNotSupportedError,
    InvalidFieldError,
    UnknownProviderError,
)
from tokenvault_server.tsp.events import TokenStatus
from tokenvault_server.tsp.guarded import GuardedTokenService
from tokenvault_server.tsp.routing import Providers, everything_to

URL = "http://127.0.0.1:9/hook"
ACTIVE, INACTIVE, DELETED = InstrumentStatus


async def test_what_a_provider_does_not_tell_is_not_invented(second: tuple[Vault, SecondTsp], caller: Caller) -> None:
    vault, _ = second
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    card = await a_saved_card(vault, caller)
    assert (card.instrument.instrument_uid, card.instrument.country, card.instrument.tsp_id) == ("", "", "second")
    stored = await now_of(vault, caller, card)
    assert stored.secrets is not None
    assert stored.secrets.par is None


async def test_every_card_goes_back_to_the_provider_that_made_its_token(
    vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    first = await a_saved_card(vault, caller)
    both = behind(vault, vault.engine, provider := SecondTsp(clock), vault.token_service)
    later = await a_saved_card(both, caller)
    provider.activate()
    await pull(both)
    assert (first.instrument.tsp_id, later.instrument.tsp_id) == ("local", "second")
    for card in (first, later):
        await a_cryptogram(both, caller, card)
        await a_deleted_card(both, caller, card)
    assert await both.outbox_tasks.run_due() == 2
    assert [token.status for token in provider.tokens.values()] == [TokenStatus.DELETED]
    assert (await vault.token_service.get(key_of(first))).status is TokenStatus.DELETED


async def test_a_card_of_a_provider_that_is_not_configured_waits_for_it(
    second: tuple[Vault, SecondTsp], vault: Vault, caller: Caller, clock: SettableClock
) -> None:
    both, provider = second
    card = await a_saved_card(both, caller)
    provider.activate()
    await pull(both)
    with pytest.raises(UnknownProviderError) as refused:
        await a_cryptogram(vault, caller, card)
    assert "[tsp.second]" in refused.value.hint
    await a_deleted_card(vault, caller, card)
    assert await vault.outbox_tasks.run_due() == 0, "the token is not deleted at another provider"
    clock.advance(seconds=2)
    assert await both.outbox_tasks.run_due() == 1


async def test_a_deletion_that_an_earlier_version_queued_goes_to_the_built_in_provider(
    vault: Vault, caller: Caller
) -> None:
    card = await a_saved_card(vault, caller)
    await a_deleted_card(vault, caller, card)
    ((outbox_id,),) = await sql(vault.engine, "SELECT outbox_id FROM outbox")
    bare = await vault.sealer.seal_text(caller.merchant_id, "outbox", outbox_id, key_of(card).reference)
    await sql(vault.engine, "UPDATE outbox SET sealed = :bare", bare=bare)
    assert await vault.outbox_tasks.run_due() == 1
    assert (await vault.token_service.get(key_of(card))).status is TokenStatus.DELETED


async def test_a_provider_that_demands_evidence_gets_no_card_without_it(
    second: tuple[Vault, SecondTsp], caller: Caller
) -> None:
    vault, provider = second
    request = a_request(merchant_id=caller.merchant_id)
    request = replace(request, evidence=replace(request.evidence, consent_text_version=""))
    with pytest.raises(InvalidFieldError):
        await vault.instruments.save(caller, Unit(vault.engine), request)
    assert provider.tokens == {}


async def test_a_card_that_no_route_serves_is_refused_and_told(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    guarded = [GuardedTokenService(vault.token_service, vault.clock)]
    alone = behind(vault, vault.engine, vault.token_service)
    alone.instruments._providers = Providers(guarded, everything_to("none"))  # noqa: SLF001  # routes are fixed at start
    with pytest.raises(CardNotSupportedError) as refused:
        await a_saved_card(alone, caller)
    assert refused.value.hint == "visa: no provider is configured for it"
    assert [event for event, _ in await told(vault, caller)] == ["INSTRUMENT_FAILED_WEBHOOK"]
