"""Every cryptogram has its own counter value, and only active tokens get cryptograms."""

from __future__ import annotations

import asyncio
import base64

import pytest

from tests.server.tsp.environment import NOW, Environment, a_request, key
from tests.support.databases import POSTGRESQL, SQLITE
from tests.support.effort import effort
from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.errors import InstrumentInactiveError, TokenServiceUnavailableError
from tokenvault_server.tsp.events import TokenStatus
from tokenvault_server.tsp.provider import (
    Amount,
    Cryptogram,
    CryptogramContext,
    LifecycleAction,
    TransactionKind,
)


def test_a_cryptogram_is_28_characters_and_comes_with_its_token(environment: Environment) -> None:
    grant = environment.provision()
    cryptogram = environment.cryptogram(grant.token_reference)
    assert len(cryptogram.value.reveal()) == 28
    assert len(base64.b64decode(cryptogram.value.reveal())) == 20
    assert (cryptogram.token_pan, cryptogram.token_expiry, cryptogram.trid) == (
        grant.token_pan,
        grant.token_expiry,
        grant.trid,
    )
    assert (cryptogram.atc, cryptogram.key_index) == (1, 1)


def test_a_cryptogram_expires_within_fifteen_minutes(environment: Environment) -> None:
    cryptogram = environment.cryptogram(environment.provision().token_reference)
    assert 14 * MINUTE < cryptogram.expires_at - NOW <= 15 * MINUTE


def test_the_cryptogram_contains_who_starts_the_payment(environment: Environment) -> None:
    reference = environment.provision().token_reference
    by_merchant = CryptogramContext(TransactionKind.MIT, Amount(49_900, "356"))
    assert base64.b64decode(environment.cryptogram(reference).value.reveal())[16] == 0
    assert base64.b64decode(environment.cryptogram(reference, by_merchant).value.reveal())[16] == 3


def test_mastercard_has_an_eci_of_its_own(environment: Environment) -> None:
    mastercard = environment.provision(a_request("5105105105105100")).token_reference
    assert environment.cryptogram(mastercard).eci == "06"
    assert environment.cryptogram(environment.provision().token_reference).eci == "07"


@pytest.mark.parametrize(("currency", "minor_units"), [("356", 10**12), ("356", -1), ("INR", 1), ("35", 1)])
def test_an_amount_that_fits_no_cryptogram_cannot_be_made(currency: str, minor_units: int) -> None:
    with pytest.raises(ValueError, match="twelve digits"):
        Amount(minor_units, currency)


def test_a_suspended_token_gets_no_cryptogram_until_it_is_resumed(environment: Environment) -> None:
    reference = environment.provision().token_reference
    environment.lifecycle(reference, LifecycleAction.SUSPEND)
    environment.lifecycle(reference, LifecycleAction.SUSPEND)
    assert environment.status(reference) is TokenStatus.SUSPENDED
    with pytest.raises(InstrumentInactiveError):
        environment.cryptogram(reference)
    environment.lifecycle(reference, LifecycleAction.RESUME)
    assert environment.cryptogram(reference).atc == 1


def test_a_deleted_token_gets_no_cryptogram_and_cannot_be_resumed(environment: Environment) -> None:
    reference = environment.provision().token_reference
    environment.lifecycle(reference, LifecycleAction.DELETE)
    environment.lifecycle(reference, LifecycleAction.DELETE)
    assert environment.status(reference) is TokenStatus.DELETED
    with pytest.raises(InstrumentInactiveError):
        environment.cryptogram(reference)
    with pytest.raises(InstrumentInactiveError):
        environment.lifecycle(reference, LifecycleAction.RESUME)


def test_an_expired_token_gets_no_cryptogram(environment: Environment) -> None:
    grant = environment.provision()
    environment.clock.at = grant.token_expiry.ends_at() - 1
    environment.cryptogram(grant.token_reference)
    environment.clock.at += 1
    assert environment.status(grant.token_reference) is TokenStatus.EXPIRED
    with pytest.raises(InstrumentInactiveError):
        environment.cryptogram(grant.token_reference)


def test_a_view_of_a_token_shows_its_number_in_stars(environment: Environment) -> None:
    grant = environment.provision()
    view = environment.run(environment.service.get(key(grant.token_reference)))
    assert (view.status, view.token_expiry, view.trid) == (TokenStatus.ACTIVE, grant.token_expiry, grant.trid)
    assert (view.network, view.last4, view.token_pan) == (grant.network, "2123", grant.token_pan)
    assert grant.token_pan.reveal() not in repr(view)


def test_an_unknown_token_has_a_hint_for_the_operator(environment: Environment) -> None:
    for call in (environment.cryptogram, environment.status):
        with pytest.raises(TokenServiceUnavailableError) as refused:
            call("tok_unknown")
        assert "backup" in refused.value.hint
    with pytest.raises(TokenServiceUnavailableError):
        environment.lifecycle("tok_unknown", LifecycleAction.SUSPEND)


def test_deleting_an_unknown_token_changes_nothing(environment: Environment) -> None:
    environment.lifecycle("tok_unknown", LifecycleAction.DELETE)


def test_at_the_end_of_the_counter_the_sequence_number_increases(environment: Environment) -> None:
    reference = environment.provision().token_reference
    environment.set_counter(reference, psn=0, atc=65_534)
    assert [environment.cryptogram(reference).atc for _ in range(3)] == [65_535, 1, 2]


def test_a_token_without_unused_counter_values_gets_no_cryptogram(environment: Environment) -> None:
    reference = environment.provision().token_reference
    environment.set_counter(reference, psn=99, atc=65_534)
    assert environment.cryptogram(reference).atc == 65_535
    with pytest.raises(InstrumentInactiveError):
        environment.cryptogram(reference)


def test_a_newer_issuer_key_is_used_from_the_next_cryptogram_on(environment: Environment) -> None:
    reference = environment.provision().token_reference
    environment.add_issuer_key("visa", version=2)
    assert environment.cryptogram(reference).key_index == 2


@pytest.mark.parametrize(
    ("store_kind", "callers", "tokens", "each"),
    [(SQLITE, 64, 5, 8), (SQLITE, 64, 16, effort(64, 1_563)), (POSTGRESQL, 64, 16, effort(8, 32))],
    ids=["few tokens", "many calls", "many connections"],
)
def test_no_counter_value_is_ever_used_twice(environment: Environment, callers: int, tokens: int, each: int) -> None:
    references = [environment.provision(a_request(customer_id=f"customer-{n}")).token_reference for n in range(tokens)]

    async def caller(number: int) -> list[Cryptogram]:
        reference = references[number % tokens]
        return [await environment.service.cryptogram(key(reference), CryptogramContext()) for _ in range(each)]

    async def all_callers() -> list[list[Cryptogram]]:
        return await asyncio.gather(*(caller(number) for number in range(callers)))

    made = [cryptogram for some in environment.run(all_callers()) for cryptogram in some]
    assert len({(one.token_pan.reveal(), one.atc) for one in made}) == callers * each
    assert max(one.atc or 0 for one in made) <= -(-callers // tokens) * each  # no value was skipped
