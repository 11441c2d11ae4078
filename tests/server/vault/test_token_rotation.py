"""A cryptogram with a new token number is released once its provider confirms the number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.builders import (
    a_cryptogram,
    a_request,
    a_saved_card,
    key_of,
)
from tests.support.second_tsp import SecondTsp
from tests.support.token_events import (
    URL,
    actions,
    pull,
    reloaded,
    webhook_events_of,
)
from tests.support.tsp import ScriptedTsp, behind, scripted
from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Unit
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import (
    CardNotSupportedError,
    InvalidFieldError,
    UnusableAnswerError,
)
from tokenvault_server.tsp.guarded import GuardedTokenService
from tokenvault_server.tsp.provider import Cryptogram, CryptogramContext, TokenKey, TokenView
from tokenvault_server.tsp.routing import Providers, everything_to


async def test_a_cryptogram_with_a_new_number_is_released_once_the_provider_confirms_it(
    second: tuple[Vault, SecondTsp], caller: Caller
) -> None:
    vault, provider = second
    card = await a_saved_card(vault, caller)
    provider.activate()
    await pull(vault)
    number = provider.rotate("1", is_reported=False)
    issued = await a_cryptogram(vault, caller, card)
    assert issued.cryptogram.token_pan == number
    secrets = (await reloaded(vault, caller, card)).secrets
    assert secrets is not None
    assert secrets.network_token.reveal() == number.reveal()
    assert (await actions(vault, caller))[-2:] == ["instrument.updated", "cryptogram.issued"]


class Unconfirming(ScriptedTsp):
    """A provider that returns cryptograms with a new number, but does not confirm the number."""

    async def get(self, key: TokenKey) -> TokenView:
        return replace(await super().get(key), token_pan=None)


async def test_a_number_that_the_provider_does_not_confirm_is_refused(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    await vault.token_service.issuer.rotate(key_of(card).reference)
    unconfirming = Unconfirming(vault.token_service)
    with pytest.raises(UnusableAnswerError):
        await a_cryptogram(behind(vault, vault.engine, unconfirming), caller, card)
    assert unconfirming.asked == ["cryptogram", "get"]


class Mixing(ScriptedTsp):
    """A provider that returns another card's cryptograms."""

    other: TokenKey

    async def cryptogram(self, key: TokenKey, context: CryptogramContext) -> Cryptogram:
        return await super().cryptogram(self.other, context)


async def test_another_cards_cryptogram_is_never_released(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    mixing = Mixing(vault.token_service)
    mixing.other = key_of(await a_saved_card(vault, caller, customer_id="customer-2"))
    with pytest.raises(UnusableAnswerError):
        await a_cryptogram(behind(vault, vault.engine, mixing), caller, card)


async def test_an_ordinary_cryptogram_needs_one_call_to_the_provider(vault: Vault, caller: Caller) -> None:
    card = await a_saved_card(vault, caller)
    vault, script = scripted(vault)
    await a_cryptogram(vault, caller, card)
    assert script.asked == ["cryptogram"]


async def test_a_provider_that_requires_evidence_receives_no_card_without_it(
    second: tuple[Vault, SecondTsp], caller: Caller
) -> None:
    vault, provider = second
    request = a_request(merchant_id=caller.merchant_id)
    request = replace(request, evidence=replace(request.evidence, consent_text_version=""))
    with pytest.raises(InvalidFieldError):
        await vault.instruments.save(caller, Unit(vault.engine), request)
    assert provider.tokens == {}


async def test_a_card_without_a_route_is_rejected_with_an_event(vault: Vault, caller: Caller) -> None:
    await vault.webhooks.add(caller.merchant_id, URL, "tests")
    guarded = [GuardedTokenService(vault.token_service, vault.clock)]
    alone = behind(vault, vault.engine, vault.token_service)
    alone.instruments._providers = Providers(guarded, everything_to("none"))  # noqa: SLF001  # routes are fixed at start
    with pytest.raises(CardNotSupportedError) as refused:
        await a_saved_card(alone, caller)
    assert refused.value.hint == "visa: no provider is configured for it"
    assert [event for event, _ in await webhook_events_of(vault, caller)] == ["INSTRUMENT_FAILED_WEBHOOK"]
