"""LargeVault vaults know their cards by number alone, so the numbers must give ids like the vault's own."""

import re
from pathlib import Path

from bench.support.large_vault import LargeVault, Owner
from tokenvault_server.domain.identifiers import MerchantId, acceptable_segment

COUNT = 1_000
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def large_vault() -> LargeVault:
    owners = [Owner(MerchantId(f"mer_{n}"), f"CLIENT{n}", f"secret {n}", f"9000000000{n}") for n in range(10)]
    return LargeVault(Path(), COUNT, owners)


def test_every_number_is_another_card() -> None:
    cards = [large_vault().card(number) for number in range(COUNT)]
    assert len({card.instrument_id for card in cards}) == COUNT
    assert cards == [large_vault().card(number) for number in range(COUNT)]


def test_later_cards_sort_later_as_the_vaults_own_do() -> None:
    ids = [large_vault().card(number).instrument_id for number in range(COUNT)]
    assert ids == sorted(ids)
    assert all(UUID7.fullmatch(each) and acceptable_segment(each) for each in ids)


def test_the_cards_are_shared_evenly_by_the_merchants() -> None:
    owners = [large_vault().card(number).merchant_id for number in range(COUNT)]
    assert {owners.count(owner) for owner in owners} == {COUNT // 10}
