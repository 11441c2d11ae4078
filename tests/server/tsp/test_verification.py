"""A cryptogram is verified once, in time, for its merchant and amount; otherwise it is refused with the reason."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace

import pytest

from tests.server.tsp.environment import Environment, a_request, presenting
from tokenvault_server.domain.card import Expiry
from tokenvault_server.domain.network_token import NetworkToken
from tokenvault_server.domain.secret import Secret
from tokenvault_server.tsp.local.policy import IssuerPolicy
from tokenvault_server.tsp.local.setup import open_local_token_service
from tokenvault_server.tsp.local.verification import Outcome, Presentation
from tokenvault_server.tsp.provider import Amount, Cryptogram, CryptogramContext, LifecycleAction

RUPEES = Amount(49_900, "356")


@pytest.fixture
def cryptogram(environment: Environment) -> Cryptogram:
    return environment.cryptogram(environment.provision().token_reference)


def altered(cryptogram: Cryptogram, index: int, mask: int = 1) -> Presentation:
    packed = bytearray(base64.b64decode(cryptogram.value.reveal()))
    packed[index] ^= mask
    return replace(presenting(cryptogram), cryptogram=Secret(base64.b64encode(packed).decode()))


def test_a_genuine_cryptogram_is_verified_once(environment: Environment, cryptogram: Cryptogram) -> None:
    assert environment.verify(presenting(cryptogram)) is Outcome.VERIFIED
    assert environment.verify(presenting(cryptogram)) is Outcome.REPLAYED


def test_the_token_and_the_merchant_are_enough(environment: Environment, cryptogram: Cryptogram) -> None:
    bare = replace(presenting(cryptogram), token_expiry=None, trid=None)
    assert environment.verify(bare) is Outcome.VERIFIED


def test_of_many_concurrent_presentations_one_is_verified(environment: Environment, cryptogram: Cryptogram) -> None:
    async def together() -> list[Outcome]:
        return await asyncio.gather(*(environment.service.verify(presenting(cryptogram)) for _ in range(16)))

    outcomes = environment.run(together())
    assert outcomes.count(Outcome.VERIFIED) == 1
    assert outcomes.count(Outcome.REPLAYED) == 15


def test_a_refused_presentation_does_not_use_the_cryptogram_up(
    environment: Environment, cryptogram: Cryptogram
) -> None:
    assert environment.verify(presenting(cryptogram, merchant_id="mer_two")) is Outcome.WRONG_MERCHANT
    assert environment.verify(presenting(cryptogram)) is Outcome.VERIFIED


def test_it_is_verified_until_its_last_microsecond(environment: Environment, cryptogram: Cryptogram) -> None:
    environment.clock.at = cryptogram.expires_at
    assert environment.verify(presenting(cryptogram)) is Outcome.EXPIRED
    environment.clock.at = cryptogram.expires_at - 1
    assert environment.verify(presenting(cryptogram)) is Outcome.VERIFIED


def test_a_clock_that_is_up_to_a_minute_behind_still_verifies(environment: Environment, cryptogram: Cryptogram) -> None:
    environment.clock.advance(-120)
    assert environment.verify(presenting(cryptogram)) is Outcome.EXPIRED
    environment.clock.advance(+60)
    assert environment.verify(presenting(cryptogram)) is Outcome.VERIFIED


@pytest.mark.parametrize("index", range(1, 20))
def test_no_altered_byte_is_verified(environment: Environment, cryptogram: Cryptogram, index: int) -> None:
    assert environment.verify(altered(cryptogram, index)) in {Outcome.FORGED, Outcome.EXPIRED}


def test_an_altered_code_is_a_forgery(environment: Environment, cryptogram: Cryptogram) -> None:
    assert environment.verify(altered(cryptogram, 15)) is Outcome.FORGED


def test_an_unknown_key_index_is_a_forgery(environment: Environment, cryptogram: Cryptogram) -> None:
    assert environment.verify(altered(cryptogram, 1, 0x80)) is Outcome.FORGED


def test_another_token_of_the_same_card_is_a_forgery(environment: Environment, cryptogram: Cryptogram) -> None:
    other = environment.provision(a_request(customer_id="customer-2"))
    assert environment.verify(replace(presenting(cryptogram), token_pan=other.token_pan, trid=None)) is Outcome.FORGED


def test_another_expiry_or_requestor_is_a_forgery(environment: Environment, cryptogram: Cryptogram) -> None:
    assert environment.verify(replace(presenting(cryptogram), token_expiry=Expiry(2031, 11))) is Outcome.FORGED
    assert environment.verify(replace(presenting(cryptogram), trid="90000000000")) is Outcome.FORGED


def test_an_unknown_token_has_its_own_outcome(environment: Environment, cryptogram: Cryptogram) -> None:
    unknown = replace(presenting(cryptogram), token_pan=NetworkToken("4999990000000002"))
    assert environment.verify(unknown) is Outcome.UNKNOWN_TOKEN


@pytest.mark.parametrize("action", [LifecycleAction.SUSPEND, LifecycleAction.DELETE])
def test_a_cryptogram_of_an_inactive_token_is_refused(environment: Environment, action: LifecycleAction) -> None:
    reference = environment.provision().token_reference
    cryptogram = environment.cryptogram(reference)
    environment.lifecycle(reference, action)
    assert environment.verify(presenting(cryptogram)) is Outcome.TOKEN_INACTIVE


def test_a_cryptogram_of_an_expired_token_is_refused(environment: Environment, cryptogram: Cryptogram) -> None:
    environment.clock.at = cryptogram.token_expiry.ends_at()
    assert environment.verify(presenting(cryptogram)) is Outcome.TOKEN_INACTIVE


MALFORMED = ["", "=", "AAAA", "!" * 28, "oQEA" * 8, "é" * 28, "\ud800" * 28, " " * 28, "o" * 28, "\x00" * 28]


@pytest.mark.parametrize("text", MALFORMED, ids=repr)
def test_text_that_is_no_cryptogram_is_malformed(environment: Environment, cryptogram: Cryptogram, text: str) -> None:
    assert environment.verify(replace(presenting(cryptogram), cryptogram=Secret(text))) is Outcome.MALFORMED


def test_another_version_is_malformed(environment: Environment, cryptogram: Cryptogram) -> None:
    assert environment.verify(altered(cryptogram, 0)) is Outcome.MALFORMED


def test_a_second_spelling_of_the_same_bytes_is_malformed(environment: Environment, cryptogram: Cryptogram) -> None:
    text = cryptogram.value.reveal()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    respelt = text[:-2] + alphabet[alphabet.index(text[-2]) | 1] + "="
    assert base64.b64decode(respelt) == base64.b64decode(text)
    assert environment.verify(replace(presenting(cryptogram), cryptogram=Secret(respelt))) is Outcome.MALFORMED


@pytest.mark.parametrize(
    "text",
    ["", "token", "\uff14" * 16, "\ud800", "4" * 100_000],
    ids=["empty", "word", "wide digits", "surrogate", "endless"],
)
def test_an_invalid_token_number_never_raises(environment: Environment, cryptogram: Cryptogram, text: str) -> None:
    presentation = replace(presenting(cryptogram), token_pan=NetworkToken(text))
    assert environment.verify(presentation) in {Outcome.MALFORMED, Outcome.UNKNOWN_TOKEN}


def test_a_bound_amount_is_compared(environment: Environment) -> None:
    bound = environment.cryptogram(environment.provision().token_reference, CryptogramContext(amount=RUPEES))
    presentation = presenting(bound)
    for amount in (None, Amount(49_901, "356"), Amount(49_900, "840")):
        assert environment.verify(replace(presentation, amount=amount)) is Outcome.WRONG_AMOUNT
    assert environment.verify(replace(presentation, amount=RUPEES)) is Outcome.VERIFIED


def test_an_amount_cannot_be_unbound(environment: Environment) -> None:
    bound = environment.cryptogram(environment.provision().token_reference, CryptogramContext(amount=RUPEES))
    assert environment.verify(altered(bound, 16, 2)) is Outcome.FORGED


def test_an_amount_cannot_be_bound_afterwards(environment: Environment, cryptogram: Cryptogram) -> None:
    assert environment.verify(replace(altered(cryptogram, 16, 2), amount=RUPEES)) is Outcome.FORGED


def test_the_previous_sequence_number_is_still_accepted(environment: Environment) -> None:
    reference = environment.provision().token_reference
    environment.set_counter(reference, psn=3, atc=65_534)
    last, first = environment.cryptogram(reference), environment.cryptogram(reference)
    assert environment.verify(presenting(last)) is Outcome.VERIFIED
    assert environment.verify(presenting(first)) is Outcome.VERIFIED
    environment.set_counter(reference, psn=5, atc=1)
    assert environment.verify(presenting(last)) is Outcome.FORGED


def test_the_same_counter_under_two_sequence_numbers_is_no_replay(environment: Environment) -> None:
    reference = environment.provision().token_reference
    environment.set_counter(reference, psn=0, atc=6)
    one = environment.cryptogram(reference)
    environment.set_counter(reference, psn=1, atc=6)
    other = environment.cryptogram(reference)
    assert one.atc == other.atc
    assert environment.verify(presenting(one)) is Outcome.VERIFIED
    assert environment.verify(presenting(other)) is Outcome.VERIFIED


def test_a_cryptogram_of_the_previous_key_is_still_accepted(environment: Environment) -> None:
    reference = environment.provision().token_reference
    old = environment.cryptogram(reference)
    environment.add_issuer_key("visa", version=2)
    assert environment.verify(presenting(old)) is Outcome.VERIFIED
    assert environment.verify(presenting(environment.cryptogram(reference))) is Outcome.VERIFIED


def test_sweeping_deletes_only_presentations_that_no_policy_would_verify(
    environment: Environment, cryptogram: Cryptogram
) -> None:
    environment.verify(presenting(cryptogram))
    environment.clock.advance(20 * 60)
    environment.run(environment.service.sweep())
    longer = IssuerPolicy(cryptogram_seconds=86_400)
    environment.service = environment.run(
        open_local_token_service(environment.engine, environment.keyring, environment.clock, longer)
    )
    assert environment.verify(presenting(cryptogram)) is Outcome.REPLAYED
    environment.clock.advance(86_400)
    environment.run(environment.service.sweep())
    assert environment.count_presented() == 0
    assert environment.verify(presenting(cryptogram)) is Outcome.EXPIRED
