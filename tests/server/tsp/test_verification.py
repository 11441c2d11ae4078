"""A presented cryptogram is verified once, in time, for its merchant and its sum, and else refused with the reason."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace

import pytest

from tests.server.tsp.world import World, a_request, presenting
from tokenvault_server.domain.card import Expiry
from tokenvault_server.domain.network_token import NetworkToken
from tokenvault_server.domain.secret import Secret
from tokenvault_server.tsp.local.policy import IssuerPolicy
from tokenvault_server.tsp.local.setup import open_local_token_service
from tokenvault_server.tsp.local.verification import Outcome, Presented
from tokenvault_server.tsp.provider import Amount, Cryptogram, CryptogramContext, LifecycleAction

RUPEES = Amount(49_900, "356")


@pytest.fixture
def cryptogram(world: World) -> Cryptogram:
    return world.cryptogram(world.provision().token_reference)


def altered(cryptogram: Cryptogram, index: int, mask: int = 1) -> Presented:
    packed = bytearray(base64.b64decode(cryptogram.value.reveal()))
    packed[index] ^= mask
    return replace(presenting(cryptogram), cryptogram=Secret(base64.b64encode(packed).decode()))


def test_a_genuine_cryptogram_is_verified_once(world: World, cryptogram: Cryptogram) -> None:
    assert world.verify(presenting(cryptogram)) is Outcome.VERIFIED
    assert world.verify(presenting(cryptogram)) is Outcome.REPLAYED


def test_the_token_and_the_merchant_are_enough(world: World, cryptogram: Cryptogram) -> None:
    bare = replace(presenting(cryptogram), token_expiry=None, trid=None)
    assert world.verify(bare) is Outcome.VERIFIED


def test_of_many_presentations_at_once_one_is_verified(world: World, cryptogram: Cryptogram) -> None:
    async def together() -> list[Outcome]:
        return await asyncio.gather(*(world.service.verify(presenting(cryptogram)) for _ in range(16)))

    outcomes = world.run(together())
    assert outcomes.count(Outcome.VERIFIED) == 1
    assert outcomes.count(Outcome.REPLAYED) == 15


def test_a_refused_presentation_does_not_use_the_cryptogram_up(world: World, cryptogram: Cryptogram) -> None:
    assert world.verify(presenting(cryptogram, merchant_id="mer_two")) is Outcome.WRONG_MERCHANT
    assert world.verify(presenting(cryptogram)) is Outcome.VERIFIED


def test_it_is_verified_to_its_last_microsecond(world: World, cryptogram: Cryptogram) -> None:
    world.clock.at = cryptogram.expires_at
    assert world.verify(presenting(cryptogram)) is Outcome.EXPIRED
    world.clock.at = cryptogram.expires_at - 1
    assert world.verify(presenting(cryptogram)) is Outcome.VERIFIED


def test_a_clock_that_is_a_little_behind_does_not_hurt(world: World, cryptogram: Cryptogram) -> None:
    world.clock.advance(-120)
    assert world.verify(presenting(cryptogram)) is Outcome.EXPIRED
    world.clock.advance(+60)
    assert world.verify(presenting(cryptogram)) is Outcome.VERIFIED


@pytest.mark.parametrize("index", range(1, 20))
def test_no_altered_byte_is_verified(world: World, cryptogram: Cryptogram, index: int) -> None:
    assert world.verify(altered(cryptogram, index)) in {Outcome.FORGED, Outcome.EXPIRED}


def test_an_altered_code_is_a_forgery(world: World, cryptogram: Cryptogram) -> None:
    assert world.verify(altered(cryptogram, 15)) is Outcome.FORGED


def test_an_unknown_key_index_is_a_forgery(world: World, cryptogram: Cryptogram) -> None:
    assert world.verify(altered(cryptogram, 1, 0x80)) is Outcome.FORGED


def test_another_token_of_the_same_card_is_a_forgery(world: World, cryptogram: Cryptogram) -> None:
    other = world.provision(a_request(customer_id="customer-2"))
    assert world.verify(replace(presenting(cryptogram), token_pan=other.token_pan, trid=None)) is Outcome.FORGED


def test_another_expiry_or_requestor_is_a_forgery(world: World, cryptogram: Cryptogram) -> None:
    assert world.verify(replace(presenting(cryptogram), token_expiry=Expiry(2031, 11))) is Outcome.FORGED
    assert world.verify(replace(presenting(cryptogram), trid="90000000000")) is Outcome.FORGED


def test_an_unknown_token_is_told(world: World, cryptogram: Cryptogram) -> None:
    unknown = replace(presenting(cryptogram), token_pan=NetworkToken("4999990000000002"))
    assert world.verify(unknown) is Outcome.UNKNOWN_TOKEN


@pytest.mark.parametrize("action", [LifecycleAction.SUSPEND, LifecycleAction.DELETE])
def test_a_token_that_is_not_active_verifies_nothing(world: World, action: LifecycleAction) -> None:
    reference = world.provision().token_reference
    cryptogram = world.cryptogram(reference)
    world.lifecycle(reference, action)
    assert world.verify(presenting(cryptogram)) is Outcome.TOKEN_INACTIVE


def test_an_expired_token_verifies_nothing(world: World, cryptogram: Cryptogram) -> None:
    world.clock.at = cryptogram.token_expiry.ends_at()
    assert world.verify(presenting(cryptogram)) is Outcome.TOKEN_INACTIVE


MALFORMED = ["", "=", "AAAA", "!" * 28, "oQEA" * 8, "é" * 28, "\ud800" * 28, " " * 28, "o" * 28, "\x00" * 28]


@pytest.mark.parametrize("text", MALFORMED, ids=repr)
def test_what_is_no_cryptogram_is_malformed(world: World, cryptogram: Cryptogram, text: str) -> None:
    assert world.verify(replace(presenting(cryptogram), cryptogram=Secret(text))) is Outcome.MALFORMED


def test_another_version_is_malformed(world: World, cryptogram: Cryptogram) -> None:
    assert world.verify(altered(cryptogram, 0)) is Outcome.MALFORMED


def test_a_second_spelling_of_the_same_bytes_is_malformed(world: World, cryptogram: Cryptogram) -> None:
    text = cryptogram.value.reveal()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    respelt = text[:-2] + alphabet[alphabet.index(text[-2]) | 1] + "="
    assert base64.b64decode(respelt) == base64.b64decode(text)
    assert world.verify(replace(presenting(cryptogram), cryptogram=Secret(respelt))) is Outcome.MALFORMED


@pytest.mark.parametrize(
    "text",
    ["", "token", "\uff14" * 16, "\ud800", "4" * 100_000],
    ids=["empty", "word", "wide digits", "surrogate", "endless"],
)
def test_a_token_that_is_no_token_never_raises(world: World, cryptogram: Cryptogram, text: str) -> None:
    presented = replace(presenting(cryptogram), token_pan=NetworkToken(text))
    assert world.verify(presented) in {Outcome.MALFORMED, Outcome.UNKNOWN_TOKEN}


def test_a_bound_sum_is_compared(world: World) -> None:
    bound = world.cryptogram(world.provision().token_reference, CryptogramContext(amount=RUPEES))
    presented = presenting(bound)
    for amount in (None, Amount(49_901, "356"), Amount(49_900, "840")):
        assert world.verify(replace(presented, amount=amount)) is Outcome.WRONG_AMOUNT
    assert world.verify(replace(presented, amount=RUPEES)) is Outcome.VERIFIED


def test_a_sum_cannot_be_unbound(world: World) -> None:
    bound = world.cryptogram(world.provision().token_reference, CryptogramContext(amount=RUPEES))
    assert world.verify(altered(bound, 16, 2)) is Outcome.FORGED


def test_a_sum_cannot_be_bound_afterwards(world: World, cryptogram: Cryptogram) -> None:
    assert world.verify(replace(altered(cryptogram, 16, 2), amount=RUPEES)) is Outcome.FORGED


def test_the_sequence_number_before_is_still_taken(world: World) -> None:
    reference = world.provision().token_reference
    world.set_counter(reference, psn=3, atc=65_534)
    last, first = world.cryptogram(reference), world.cryptogram(reference)
    assert world.verify(presenting(last)) is Outcome.VERIFIED
    assert world.verify(presenting(first)) is Outcome.VERIFIED
    world.set_counter(reference, psn=5, atc=1)
    assert world.verify(presenting(last)) is Outcome.FORGED


def test_the_same_counter_under_two_sequence_numbers_is_no_replay(world: World) -> None:
    reference = world.provision().token_reference
    world.set_counter(reference, psn=0, atc=6)
    one = world.cryptogram(reference)
    world.set_counter(reference, psn=1, atc=6)
    other = world.cryptogram(reference)
    assert one.atc == other.atc
    assert world.verify(presenting(one)) is Outcome.VERIFIED
    assert world.verify(presenting(other)) is Outcome.VERIFIED


def test_a_cryptogram_of_the_key_before_is_still_taken(world: World) -> None:
    reference = world.provision().token_reference
    old = world.cryptogram(reference)
    world.add_issuer_key("visa", version=2)
    assert world.verify(presenting(old)) is Outcome.VERIFIED
    assert world.verify(presenting(world.cryptogram(reference))) is Outcome.VERIFIED


def test_sweeping_forgets_only_what_no_policy_would_verify(world: World, cryptogram: Cryptogram) -> None:
    world.verify(presenting(cryptogram))
    world.clock.advance(20 * 60)
    world.run(world.service.sweep())
    longer = IssuerPolicy(cryptogram_seconds=86_400)
    world.service = world.run(open_local_token_service(world.engine, world.keyring, world.clock, longer))
    assert world.verify(presenting(cryptogram)) is Outcome.REPLAYED
    world.clock.advance(86_400)
    world.run(world.service.sweep())
    assert world.count_presented() == 0
    assert world.verify(presenting(cryptogram)) is Outcome.EXPIRED
