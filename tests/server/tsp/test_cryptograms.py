"""Every cryptogram has a counter value of its own, and only living tokens have any."""

from __future__ import annotations

import asyncio
import base64

import pytest

from tests.server.tsp.world import NOW, World, a_request
from tests.support.databases import POSTGRESQL, SQLITE
from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.errors import InstrumentInactiveError, TokenServiceUnavailableError
from tokenvault_server.tsp.provider import (
    Amount,
    Cryptogram,
    CryptogramContext,
    LifecycleAction,
    TokenStatus,
    TransactionKind,
)


def test_a_cryptogram_is_28_characters_and_comes_with_its_token(world: World) -> None:
    grant = world.provision()
    cryptogram = world.cryptogram(grant.token_reference)
    assert len(cryptogram.value.reveal()) == 28
    assert len(base64.b64decode(cryptogram.value.reveal())) == 20
    assert (cryptogram.token_pan, cryptogram.token_expiry, cryptogram.trid) == (
        grant.token_pan,
        grant.token_expiry,
        grant.trid,
    )
    assert (cryptogram.atc, cryptogram.key_index) == (1, 1)


def test_a_cryptogram_expires_within_fifteen_minutes(world: World) -> None:
    cryptogram = world.cryptogram(world.provision().token_reference)
    assert 14 * MINUTE < cryptogram.expires_at - NOW <= 15 * MINUTE


def test_who_starts_the_payment_is_part_of_the_cryptogram(world: World) -> None:
    reference = world.provision().token_reference
    by_merchant = CryptogramContext(TransactionKind.MIT, Amount(49_900, "356"))
    assert base64.b64decode(world.cryptogram(reference).value.reveal())[16] == 0
    assert base64.b64decode(world.cryptogram(reference, by_merchant).value.reveal())[16] == 3


def test_mastercard_has_an_eci_of_its_own(world: World) -> None:
    mastercard = world.provision(a_request("5105105105105100")).token_reference
    assert world.cryptogram(mastercard).eci == "06"
    assert world.cryptogram(world.provision().token_reference).eci == "07"


@pytest.mark.parametrize(("currency", "minor_units"), [("356", 10**12), ("356", -1), ("INR", 1), ("35", 1)])
def test_an_amount_that_fits_no_cryptogram_cannot_be_made(currency: str, minor_units: int) -> None:
    with pytest.raises(ValueError, match="twelve digits"):
        Amount(minor_units, currency)


def test_a_suspended_token_has_no_cryptogram_until_it_is_resumed(world: World) -> None:
    reference = world.provision().token_reference
    world.lifecycle(reference, LifecycleAction.SUSPEND)
    world.lifecycle(reference, LifecycleAction.SUSPEND)
    assert world.status(reference) is TokenStatus.SUSPENDED
    with pytest.raises(InstrumentInactiveError):
        world.cryptogram(reference)
    world.lifecycle(reference, LifecycleAction.RESUME)
    assert world.cryptogram(reference).atc == 1


def test_a_deleted_token_has_no_cryptogram_and_no_way_back(world: World) -> None:
    reference = world.provision().token_reference
    world.lifecycle(reference, LifecycleAction.DELETE)
    world.lifecycle(reference, LifecycleAction.DELETE)
    assert world.status(reference) is TokenStatus.DELETED
    with pytest.raises(InstrumentInactiveError):
        world.cryptogram(reference)
    with pytest.raises(InstrumentInactiveError):
        world.lifecycle(reference, LifecycleAction.RESUME)


def test_an_expired_token_has_no_cryptogram(world: World) -> None:
    grant = world.provision()
    world.clock.at = grant.token_expiry.ends_at() - 1
    world.cryptogram(grant.token_reference)
    world.clock.at += 1
    assert world.status(grant.token_reference) is TokenStatus.EXPIRED
    with pytest.raises(InstrumentInactiveError):
        world.cryptogram(grant.token_reference)


def test_a_view_of_a_token_tells_no_number(world: World) -> None:
    grant = world.provision()
    view = world.run(world.service.get(grant.token_reference))
    assert (view.status, view.token_expiry, view.trid) == (TokenStatus.ACTIVE, grant.token_expiry, grant.trid)
    assert (view.network, view.last4) == (grant.network, "2123")


def test_an_unknown_token_is_told_to_the_operator(world: World) -> None:
    for asked in (world.cryptogram, world.status):
        with pytest.raises(TokenServiceUnavailableError) as refused:
            asked("tok_unknown")
        assert "backup" in refused.value.hint
    with pytest.raises(TokenServiceUnavailableError):
        world.lifecycle("tok_unknown", LifecycleAction.SUSPEND)


def test_deleting_an_unknown_token_changes_nothing(world: World) -> None:
    world.lifecycle("tok_unknown", LifecycleAction.DELETE)


def test_at_the_end_of_the_counter_the_sequence_number_steps(world: World) -> None:
    reference = world.provision().token_reference
    world.set_counter(reference, psn=0, atc=65_534)
    assert [world.cryptogram(reference).atc for _ in range(3)] == [65_535, 1, 2]


def test_a_token_that_used_up_every_counter_value_stops(world: World) -> None:
    reference = world.provision().token_reference
    world.set_counter(reference, psn=99, atc=65_534)
    assert world.cryptogram(reference).atc == 65_535
    with pytest.raises(InstrumentInactiveError):
        world.cryptogram(reference)


def test_a_newer_issuer_key_is_used_from_the_next_cryptogram_on(world: World) -> None:
    reference = world.provision().token_reference
    world.add_issuer_key("visa", version=2)
    assert world.cryptogram(reference).key_index == 2


@pytest.mark.parametrize(
    ("store_kind", "callers", "tokens", "each"),
    [(SQLITE, 64, 5, 8), (SQLITE, 64, 16, 1_563), (POSTGRESQL, 64, 5, 8), (POSTGRESQL, 64, 16, 32)],
    ids=["quick", "hundred thousand", "quick, many connections", "many connections"],
)
def test_no_counter_value_is_ever_given_twice(world: World, callers: int, tokens: int, each: int) -> None:
    references = [world.provision(a_request(customer_id=f"customer-{n}")).token_reference for n in range(tokens)]

    async def caller(number: int) -> list[Cryptogram]:
        reference = references[number % tokens]
        return [await world.service.cryptogram(reference, CryptogramContext()) for _ in range(each)]

    async def everybody() -> list[list[Cryptogram]]:
        return await asyncio.gather(*(caller(number) for number in range(callers)))

    made = [cryptogram for some in world.run(everybody()) for cryptogram in some]
    assert len({(one.token_pan.reveal(), one.atc) for one in made}) == callers * each
    assert max(one.atc for one in made) <= -(-callers // tokens) * each  # and none was left out
