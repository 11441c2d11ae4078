"""Card ranges and token ranges never overlap, and only test cards are served."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from stdnum import luhn

from tests.server.tsp.environment import Environment, a_request
from tokenvault_server.domain.card import Pan, luhn_valid, with_check_digit
from tokenvault_server.domain.network import Network
from tokenvault_server.errors import SettingsError
from tokenvault_server.tsp.local.identifiers import new_token_pan
from tokenvault_server.tsp.local.policy import DEFAULT_CONTROLLERS, IssuerPolicy
from tokenvault_server.tsp.local.ranges import TOKEN_PREFIXES, CardRange, CardRanges
from tokenvault_server.tsp.local.sandbox_cards import SANDBOX_CARDS, TEST_RANGES, TOKEN_VAULT_BINS, WELL_KNOWN_CARDS
from tools import test_cards_page

RANGES = CardRanges(TEST_RANGES)
EXTRA = CardRange("403291", 16, Network.VISA, "credit_card", "R", "TEST BANK")


def facts(ranges: Sequence[CardRange]) -> list[tuple[str, str, str]]:
    return [(entry.network.value, entry.card_type, entry.card_sub_type) for entry in ranges]


@pytest.mark.parametrize("entry", SANDBOX_CARDS + WELL_KNOWN_CARDS, ids=lambda entry: entry.prefix)
def test_every_test_card_has_a_correct_check_digit_and_is_found(entry: CardRange) -> None:
    assert luhn.is_valid(entry.prefix)
    assert luhn_valid(entry.prefix)
    assert RANGES.find(Pan(entry.prefix)) is entry


@pytest.mark.parametrize("entry", TOKEN_VAULT_BINS, ids=lambda entry: entry.prefix)
def test_any_sixteen_digits_of_a_test_bin_are_a_card(entry: CardRange) -> None:
    assert RANGES.find(Pan(with_check_digit(f"{entry.prefix}000000000"))) is entry
    assert RANGES.find(Pan(with_check_digit(f"{entry.prefix}99999999"))) is None  # fifteen digits


def test_the_sandbox_table_has_the_published_kinds() -> None:
    pairs = [
        *[("visa", "debit_card", "R"), ("visa", "credit_card", "R"), ("visa", "credit_card", "P")],
        *[("visa", "credit_card", "C"), ("mastercard", "debit_card", "R"), ("mastercard", "credit_card", "R")],
        *[("mastercard", "credit_card", "P"), ("mastercard", "credit_card", "C"), ("rupay", "debit_card", "R")],
        ("rupay", "credit_card", "R"),
    ]
    assert facts(SANDBOX_CARDS) == [pair for pair in pairs for _ in range(2)]


def test_every_network_has_cards_tokens_and_a_controller() -> None:
    assert {entry.network for entry in TEST_RANGES} == set(Network)
    assert set(TOKEN_PREFIXES) == set(DEFAULT_CONTROLLERS) == set(Network)


def test_facts_about_cards_use_the_values_of_the_wire() -> None:
    assert {entry.card_type for entry in TEST_RANGES} == {"credit_card", "debit_card", "prepaid_card"}
    assert {entry.card_sub_type for entry in TEST_RANGES} == {"R", "P", "C"}
    assert {entry.country for entry in TEST_RANGES} == {"IN"}
    assert all(entry.issuer == entry.issuer.upper() for entry in TEST_RANGES)


def test_no_card_range_contains_a_token_and_no_token_range_a_card() -> None:
    for entry in TEST_RANGES:
        for prefix in TOKEN_PREFIXES.values():
            assert not entry.prefix.startswith(prefix)
            assert not prefix.startswith(entry.prefix)


@pytest.mark.parametrize("network", Network)
def test_no_new_token_is_a_card(network: Network) -> None:
    for length in (14, 15, 16):
        assert RANGES.find(Pan(new_token_pan(TOKEN_PREFIXES[network], length).reveal())) is None


def test_a_single_number_has_precedence_over_its_bin() -> None:
    single = RANGES.find(Pan("4706131211212123"))
    assert single is not None
    assert single.length == len(single.prefix)


@pytest.mark.parametrize("prefix", ["4", "499999", "4999991", "559999"])
def test_a_configured_range_must_not_overlap_the_tokens(prefix: str) -> None:
    overlapping = CardRange(prefix, 16, Network.VISA, "credit_card", "R", "TEST BANK")
    with pytest.raises(SettingsError, match="overlaps"):
        CardRanges([overlapping])


def test_a_configured_range_is_served(environment: Environment) -> None:
    environment.policy = IssuerPolicy(extra_ranges=(EXTRA,))
    environment.service = environment.run(environment.opened())
    assert environment.provision(a_request(with_check_digit("403291123456789"))).issuer == "TEST BANK"


@pytest.mark.parametrize("seconds", [0, 119, 86_401])
def test_a_cryptogram_is_valid_for_two_minutes_to_a_day(seconds: int) -> None:
    with pytest.raises(SettingsError):
        IssuerPolicy(cryptogram_seconds=seconds)


@pytest.mark.parametrize("code", ["", "90", "9000", "9O0"])
def test_a_provider_code_has_three_digits(code: str) -> None:
    with pytest.raises(SettingsError):
        IssuerPolicy(provider_code=code)


@pytest.mark.parametrize("prefix", ["", "4999x9", "4999990000000"])
def test_the_prefix_of_a_token_range_is_not_too_long(prefix: str) -> None:
    with pytest.raises(SettingsError):
        IssuerPolicy(token_prefixes=dict.fromkeys(Network, prefix))


@pytest.mark.parametrize("controller", ["", "TV", "TV-1", "TVV12"])
def test_a_controller_has_four_characters(controller: str) -> None:
    with pytest.raises(SettingsError):
        IssuerPolicy(controllers=dict.fromkeys(Network, controller))


def test_the_page_of_test_cards_is_up_to_date() -> None:
    assert test_cards_page.PAGE.read_text(encoding="utf-8") == test_cards_page.page()
