"""Tests of the behaviour that the vault requires from every provider. They run on each provider."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import pytest

from tests.support.builders import VISA, a_request
from tests.support.clock import SettableClock
from tokenvault_server.domain.card import Expiry
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.errors import (
    CardNotSupportedError,
    InstrumentInactiveError,
    InvalidFieldError,
    TokenServiceUnavailableError,
    UnusableAnswerError,
)
from tokenvault_server.tsp.events import InboxEvent, Suspender, TokenStatus
from tokenvault_server.tsp.guarded import GuardedTokenService
from tokenvault_server.tsp.provider import (
    CryptogramContext,
    LifecycleAction,
    ProvisionRequest,
    TokenGrant,
    TokenKey,
    TokenServiceProvider,
)

PAYMENT = CryptogramContext()


class Subject(Protocol):
    """A provider, and the actions of its issuer."""

    provider: TokenServiceProvider
    clock: SettableClock

    async def activate(self) -> None:
        """Activate every new token."""

    async def suspend(self, reference: TokenReference) -> None: ...

    async def resume(self, reference: TokenReference) -> None: ...

    async def deactivate(self, reference: TokenReference) -> None: ...

    async def rotate(self, reference: TokenReference) -> None: ...


def key_of(grant: TokenGrant, merchant_id: str = "mer_1") -> TokenKey:
    return TokenKey(MerchantId(merchant_id), grant.token_reference)


def enrolled(enrolment_id: str, customer_id: str = "customer-1") -> ProvisionRequest:
    return replace(a_request(customer_id=customer_id), enrolment_id=enrolment_id)


class TspContract:
    """The tests; a subclass defines the fixture `subject`."""

    @pytest.fixture
    def provider(self, subject: Subject) -> GuardedTokenService:
        """Return the provider in its guard, which checks its answers."""
        return GuardedTokenService(subject.provider, subject.clock)

    async def granted(self, subject: Subject, provider: GuardedTokenService) -> TokenGrant:
        grant = await provider.provision(a_request())
        await subject.activate()
        await self.drain(provider)
        return grant

    async def drain(self, provider: GuardedTokenService) -> list[InboxEvent]:
        """Acknowledge every event in the inbox and return the events."""
        entries = await provider.events("", 100)
        await provider.acknowledge([each.event_id for each in entries])
        return entries

    async def test_a_card_of_a_customer_has_one_token(self, provider: GuardedTokenService) -> None:
        first = await provider.provision(a_request())
        assert await provider.provision(a_request()) == first
        others = [a_request(customer_id="another"), a_request(merchant_id="mer_2")]
        references = {(await provider.provision(request)).token_reference for request in others}
        assert len(references | {first.token_reference}) == 3

    async def test_a_grant_shows_the_card_that_was_sent(self, provider: GuardedTokenService) -> None:
        grant = await provider.provision(a_request())
        assert (grant.last4, grant.network.value) == (VISA[-4:], "visa")
        assert grant.status in {TokenStatus.ACTIVE, TokenStatus.INACTIVE}
        assert grant.at <= (await provider.get(key_of(grant))).at

    @pytest.mark.parametrize(
        ("pan", "expiry", "error"),
        [
            ("4706131211212124", Expiry(2030, 1), InvalidFieldError),
            (VISA, Expiry(2026, 10), InvalidFieldError),
            ("6011111111111117", Expiry(2030, 1), CardNotSupportedError),
        ],
    )
    async def test_a_card_that_cannot_be_tokenised_is_refused(
        self, provider: GuardedTokenService, pan: str, expiry: Expiry, error: type[Exception]
    ) -> None:
        request = a_request(pan)
        with pytest.raises(error):
            await provider.provision(replace(request, card=replace(request.card, expiry=expiry)))

    async def test_every_cryptogram_is_new_and_belongs_to_the_token(
        self, subject: Subject, provider: GuardedTokenService
    ) -> None:
        grant = await self.granted(subject, provider)
        made = [await provider.cryptogram(key_of(grant), PAYMENT) for _ in range(3)]
        assert len({each.value.reveal() for each in made}) == 3
        assert {(each.token_pan.reveal(), each.trid) for each in made} == {(grant.token_pan.reveal(), grant.trid)}

    async def test_a_deleted_token_stays_deleted(self, subject: Subject, provider: GuardedTokenService) -> None:
        grant = await self.granted(subject, provider)
        for _ in range(2):
            result = await provider.lifecycle(key_of(grant), LifecycleAction.DELETE, "requested")
            assert result.status is TokenStatus.DELETED
        assert (await provider.get(key_of(grant))).status is TokenStatus.DELETED
        with pytest.raises(InstrumentInactiveError):
            await provider.cryptogram(key_of(grant), PAYMENT)
        assert (await provider.provision(a_request())).token_reference != grant.token_reference

    async def test_deleting_an_unknown_token_changes_nothing(self, provider: GuardedTokenService) -> None:
        key = TokenKey(MerchantId("mer_1"), "nobody")
        assert (await provider.lifecycle(key, LifecycleAction.DELETE, "requested")).status is TokenStatus.DELETED

    async def test_an_unknown_token_is_an_unusable_answer(self, provider: GuardedTokenService) -> None:
        key = TokenKey(MerchantId("mer_1"), "nobody")
        with pytest.raises(UnusableAnswerError):
            await provider.get(key)
        with pytest.raises(UnusableAnswerError):
            await provider.cryptogram(key, PAYMENT)

    async def test_the_token_of_an_enrolment_is_found_again(self, provider: GuardedTokenService) -> None:
        made = await provider.provision(enrolled("out_1"))
        assert [await provider.close_enrolment("out_1") for _ in range(2)] == [made.token_reference] * 2

    async def test_an_existing_token_was_not_created_for_a_later_enrolment(self, provider: GuardedTokenService) -> None:
        await provider.provision(enrolled("out_1"))
        await provider.provision(enrolled("out_2"))
        assert await provider.close_enrolment("out_2") is None

    async def test_no_token_is_created_for_a_closed_enrolment(self, provider: GuardedTokenService) -> None:
        assert await provider.close_enrolment("out_1") is None
        with pytest.raises(TokenServiceUnavailableError):
            await provider.provision(enrolled("out_1"))
        assert await provider.close_enrolment("out_1") is None

    async def test_changes_that_the_vault_requested_are_not_reported(
        self, subject: Subject, provider: GuardedTokenService
    ) -> None:
        grant = await self.granted(subject, provider)
        await provider.cryptogram(key_of(grant), PAYMENT)
        await provider.lifecycle(key_of(grant), LifecycleAction.DELETE, "requested")
        assert await provider.events("", 100) == []

    async def test_a_suspension_by_the_issuer_is_reported_and_ends_cryptograms(
        self, subject: Subject, provider: GuardedTokenService
    ) -> None:
        grant = await self.granted(subject, provider)
        await subject.suspend(grant.token_reference)
        (entry,) = await self.drain(provider)
        assert (entry.event.merchant_id, entry.event.reference) == ("mer_1", grant.token_reference)
        assert (entry.event.status, entry.event.suspended_by) == (TokenStatus.SUSPENDED, Suspender.ISSUER)
        view = await provider.get(key_of(grant))
        assert (view.status, view.suspended_by) == (TokenStatus.SUSPENDED, Suspender.ISSUER)
        with pytest.raises(InstrumentInactiveError):
            await provider.cryptogram(key_of(grant), PAYMENT)
        await subject.resume(grant.token_reference)
        (entry,) = await self.drain(provider)
        assert (entry.event.status, entry.event.suspended_by) == (TokenStatus.ACTIVE, None)
        await provider.cryptogram(key_of(grant), PAYMENT)

    async def test_a_token_ended_by_its_issuer_is_reported(
        self, subject: Subject, provider: GuardedTokenService
    ) -> None:
        grant = await self.granted(subject, provider)
        await subject.deactivate(grant.token_reference)
        (entry,) = await self.drain(provider)
        assert entry.event.status is TokenStatus.DELETED
        with pytest.raises(InstrumentInactiveError):
            await provider.cryptogram(key_of(grant), PAYMENT)

    async def test_a_new_number_is_reported_and_confirmed_and_used(
        self, subject: Subject, provider: GuardedTokenService
    ) -> None:
        grant = await self.granted(subject, provider)
        await subject.rotate(grant.token_reference)
        (entry,) = await self.drain(provider)
        assert entry.event.token_pan is not None
        assert entry.event.token_pan != grant.token_pan
        view = await provider.get(key_of(grant))
        made = await provider.cryptogram(key_of(grant), PAYMENT)
        assert entry.event.token_pan == made.token_pan
        assert view.token_pan is None or view.token_pan == made.token_pan
        assert (made.trid, view.trid) == (grant.trid, grant.trid)
        again = await provider.provision(a_request())
        assert (again.token_reference, again.token_pan) == (grant.token_reference, made.token_pan)

    async def test_every_change_of_a_token_has_a_later_time(
        self, subject: Subject, provider: GuardedTokenService
    ) -> None:
        grant = await self.granted(subject, provider)
        for act in (subject.suspend, subject.resume, subject.rotate, subject.deactivate):
            await act(grant.token_reference)  # without moving the clock
        times = {entry.event.at for entry in await provider.events("", 100)}
        assert (len(times), grant.at < min(times)) == (4, True)

    async def test_an_inbox_is_read_in_pages_and_keeps_what_is_not_acknowledged(
        self, subject: Subject, provider: GuardedTokenService
    ) -> None:
        grant = await self.granted(subject, provider)
        for _ in range(3):
            await subject.rotate(grant.token_reference)
            subject.clock.advance(seconds=1)
        ids = [entry.event_id for entry in await provider.events("", 100)]
        assert [entry.event_id for entry in await provider.events("", 2)] == ids[:2]
        assert [entry.event_id for entry in await provider.events(ids[1], 2)] == ids[2:]
        await provider.acknowledge([ids[1], "nobody"])
        assert [entry.event_id for entry in await provider.events("", 100)] == [ids[0], ids[2]]
        await provider.acknowledge([ids[1]])

    async def test_a_suspension_on_request_names_the_requestor(
        self, subject: Subject, provider: GuardedTokenService
    ) -> None:
        grant = await self.granted(subject, provider)
        if not provider.capabilities.suspends:
            return  # the vault never requests it
        for _ in range(2):
            result = await provider.lifecycle(key_of(grant), LifecycleAction.SUSPEND, "requested")
            assert (result.status, result.suspended_by) == (TokenStatus.SUSPENDED, Suspender.REQUESTOR)
        await subject.suspend(grant.token_reference)
        result = await provider.lifecycle(key_of(grant), LifecycleAction.RESUME, "requested")
        assert (result.status, result.suspended_by) == (TokenStatus.SUSPENDED, Suspender.ISSUER)
        await subject.resume(grant.token_reference)
        result = await provider.lifecycle(key_of(grant), LifecycleAction.RESUME, "requested")
        assert (result.status, result.suspended_by) == (TokenStatus.ACTIVE, None)

    async def test_it_is_healthy_and_sweeps(self, provider: GuardedTokenService) -> None:
        await provider.health()
        await provider.sweep()
