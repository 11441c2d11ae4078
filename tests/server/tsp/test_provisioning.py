"""A card has one token for each merchant and customer, until the token expires or is deleted."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.server.tsp.environment import NOW, VISA, Environment, a_request
from tokenvault_server.database.migrate import migrate
from tokenvault_server.database.sqlite.engine import SqliteEngine
from tokenvault_server.domain.card import Expiry, luhn_valid
from tokenvault_server.domain.network import Network
from tokenvault_server.errors import (
    CardNotSupportedError,
    InvalidFieldError,
    SealBrokenError,
    StoreError,
    TokenServiceUnavailableError,
)
from tokenvault_server.tsp.local.policy import IssuerPolicy
from tokenvault_server.tsp.local.ranges import TOKEN_PREFIXES
from tokenvault_server.tsp.local.setup import PACKAGE, open_local_token_service
from tokenvault_server.tsp.provider import LifecycleAction, TokenGrant

RUPAY_14 = "65292523412356"
AMEX = "378282246310005"


def test_a_grant_describes_the_card(environment: Environment) -> None:
    grant = environment.provision()
    assert (grant.network, grant.last4, grant.issuer, grant.country) == (Network.VISA, "2123", "HDFC BANK", "IN")
    assert (grant.card_type, grant.card_sub_type) == ("debit_card", "R")


@pytest.mark.parametrize("pan", [VISA, RUPAY_14, AMEX], ids=len)
def test_a_token_is_as_long_as_its_card_and_passes_the_check_digit(environment: Environment, pan: str) -> None:
    token_pan = environment.provision(a_request(pan)).token_pan.reveal()
    assert len(token_pan) == len(pan)
    assert luhn_valid(token_pan)
    assert token_pan != pan


def test_a_token_is_valid_for_four_years_independent_of_the_card(environment: Environment) -> None:
    assert environment.provision(a_request(expiry=Expiry(2026, 11))).token_expiry == Expiry(2030, 11)


def test_saving_a_card_again_returns_the_same_grant(environment: Environment) -> None:
    first = environment.provision()
    environment.clock.advance(3600)
    assert environment.provision() == first


def test_a_renewed_card_keeps_its_token(environment: Environment) -> None:
    first = environment.provision()
    before = environment.sealed_of(first.token_reference)
    assert environment.provision(a_request(expiry=Expiry(2031, 9))) == first
    after = environment.sealed_of(first.token_reference)
    assert after != before
    assert environment.provision(a_request(expiry=Expiry(2031, 9))) == first
    assert environment.sealed_of(first.token_reference) == after  # nothing changed, so nothing is sealed again
    environment.cryptogram(first.token_reference)


def test_another_customer_has_another_token_under_the_same_requestor(environment: Environment) -> None:
    one, other = environment.provision(), environment.provision(a_request(customer_id="customer-2"))
    assert one.token_pan != other.token_pan
    assert (one.trid, one.par) == (other.trid, other.par)


def test_another_merchant_has_another_requestor_and_the_same_par(environment: Environment) -> None:
    one, other = environment.provision(), environment.provision(a_request(merchant_id="mer_two"))
    assert one.trid != other.trid
    assert one.token_pan != other.token_pan
    assert one.par == other.par


def test_a_merchant_has_one_requestor_for_each_network(environment: Environment) -> None:
    visa, amex = environment.provision(), environment.provision(a_request(AMEX))
    assert visa.trid != amex.trid
    assert environment.provision(a_request("4444333322221111")).trid == visa.trid


def test_merchant_and_customer_ids_are_never_joined_ambiguously(environment: Environment) -> None:
    one = environment.provision(a_request(merchant_id="ab", customer_id="c"))
    other = environment.provision(a_request(merchant_id="a", customer_id="bc"))
    assert one.token_reference != other.token_reference


def test_twenty_concurrent_calls_for_one_card_share_one_token(environment: Environment) -> None:
    async def all_calls() -> list[TokenGrant]:
        return await asyncio.gather(*(environment.service.provision(a_request()) for _ in range(20)))

    assert len({grant.token_reference for grant in environment.run(all_calls())}) == 1


def test_concurrent_renewals_leave_a_record_that_opens(environment: Environment) -> None:
    first = environment.provision()

    async def renewals() -> list[TokenGrant]:
        years = (2031, 2032, 2033, 2034)
        return await asyncio.gather(
            *(environment.service.provision(a_request(expiry=Expiry(year, 9))) for year in years)
        )

    assert all(grant == first for grant in environment.run(renewals()))
    environment.cryptogram(first.token_reference)


def test_a_full_range_of_tokens_is_an_unavailable_service(environment: Environment) -> None:
    narrow = {**TOKEN_PREFIXES, Network.RUPAY: "652999000000"}  # ten tokens of fourteen digits
    environment.policy = IssuerPolicy(token_prefixes=narrow)
    environment.service = environment.run(environment.opened())
    made: list[str] = []
    with pytest.raises(TokenServiceUnavailableError, match="unavailable"):
        made.extend(
            environment.provision(a_request(RUPAY_14, customer_id=f"customer-{n}")).token_pan.reveal()
            for n in range(11)
        )
    assert len(set(made)) == len(made)


def test_an_uninitialised_database_has_a_hint_how_to_initialise_it(environment: Environment, tmp_path: Path) -> None:
    engine = SqliteEngine(tmp_path / "other.db")
    environment.run(migrate(engine, PACKAGE, NOW))
    with pytest.raises(StoreError) as refused:
        environment.run(open_local_token_service(engine, environment.keyring, environment.clock))
    assert "tokenvault init" in refused.value.hint
    environment.run(engine.close())


def test_a_deleted_token_is_never_granted_again(environment: Environment) -> None:
    first = environment.provision()
    environment.lifecycle(first.token_reference, LifecycleAction.DELETE)
    second = environment.provision()
    assert second.token_reference != first.token_reference
    assert second.token_pan != first.token_pan
    assert second.par == first.par


def test_an_expired_token_is_replaced(environment: Environment) -> None:
    first = environment.provision()
    environment.clock.advance(5 * 366 * 86_400)
    second = environment.provision(a_request(expiry=Expiry(2035, 1)))
    assert second.token_reference != first.token_reference
    assert second.token_expiry == Expiry(2035, 11)


def test_a_wrong_check_digit_is_an_invalid_number(environment: Environment) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        environment.provision(a_request("4706131211212124"))
    assert refused.value.code == "card_number_invalid"


def test_a_past_expiry_is_invalid(environment: Environment) -> None:
    with pytest.raises(InvalidFieldError) as refused:
        environment.provision(a_request(expiry=Expiry(2026, 10)))
    assert refused.value.code == "card_expiry_invalid"


def test_a_card_is_valid_to_the_end_of_its_month(environment: Environment) -> None:
    assert Expiry(2026, 11).ends_at() > NOW
    environment.provision(a_request(expiry=Expiry(2026, 11)))


@pytest.mark.parametrize("pan", ["4111111111111111", "5555555555554444", "6011111111111117"], ids=str)
def test_a_card_outside_the_ranges_is_not_supported(environment: Environment, pan: str) -> None:
    with pytest.raises(CardNotSupportedError):
        environment.provision(a_request(pan))


def test_a_token_is_not_a_card(environment: Environment) -> None:
    token_pan = environment.provision().token_pan.reveal()
    with pytest.raises(CardNotSupportedError):
        environment.provision(a_request(token_pan))


def test_a_record_does_not_open_in_another_row(environment: Environment) -> None:
    one, other = environment.provision(), environment.provision(a_request(customer_id="customer-2"))
    environment.set_sealed(other.token_reference, environment.sealed_of(one.token_reference))
    with pytest.raises(SealBrokenError):
        environment.cryptogram(other.token_reference)


def test_a_reopened_service_has_the_same_keys_and_tokens(environment: Environment) -> None:
    first = environment.provision()
    environment.service = environment.run(environment.opened())
    assert environment.provision() == first
