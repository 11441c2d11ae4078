"""Cards go to providers by the longest BIN, then by network; tokens go back to the provider that made them."""

from __future__ import annotations

import random

import pytest

from tests.support.clock import SettableClock
from tests.support.second_tsp import SecondTsp
from tokenvault_server.domain.card import Pan, with_check_digit
from tokenvault_server.domain.network import Network
from tokenvault_server.errors import CardNotSupportedError, SettingsError, TokenServiceUnavailableError
from tokenvault_server.tsp.guarded import GuardedTokenService
from tokenvault_server.tsp.routing import NO_PROVIDER, Providers, Routes, everything_to, parse_routes


def card(digits: str) -> Pan:
    return Pan(with_check_digit(digits.ljust(15, "0")))


def providers(routes: Routes, *tsp_ids: str) -> Providers:
    clock = SettableClock()
    return Providers((GuardedTokenService(SecondTsp(clock, each), clock) for each in tsp_ids), routes)


@pytest.mark.parametrize(
    ("digits", "tsp_id"),
    [
        ("4", "a"),
        ("41111", "a"),
        ("411111", "b"),
        ("41111122", "c"),
        ("411112", "a"),
        ("222099", "none"),
        ("222100", "b"),
        ("250000", "b"),
        ("272099", "b"),
        ("272100", "none"),
        ("51", "a"),
        ("6", "none"),
        ("37", "none"),
    ],
)
def test_the_longest_bin_that_fits_decides_and_then_the_network(digits: str, tsp_id: str) -> None:
    routes = parse_routes(
        {"visa": "a", "411111": "b", "41111122": "c", "222100-272099": "b", "mastercard": "a", "amex": "none"}
    )
    assert routes.of(card(digits)) == tsp_id


def test_every_end_of_a_range_is_inside_and_its_neighbours_are_not() -> None:
    chance = random.Random(1)
    for _ in range(200):
        width = chance.randrange(2, 9)
        first, last = sorted(chance.sample(range(10 ** (width - 1), 10**width - 1), 2))
        routes = parse_routes({f"{first}-{last}": "a"})
        assert [routes.of(card(str(edge))) for edge in (first, last)] == ["a", "a"]
        assert [routes.of(card(str(edge))) for edge in (first - 1, last + 1)] == ["none", "none"]


def test_a_card_of_an_unknown_network_goes_by_its_bin() -> None:
    assert parse_routes({"561059": "a"}).of(card("561059")) == "a"


@pytest.mark.parametrize("name", ["", "visas", "41x", "123456789", "5-4", "41-4200", "41-", "-41", "4 1"])
def test_a_route_that_is_neither_a_network_nor_a_range_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="neither a network nor a range"):
        parse_routes({name: "a"})


@pytest.mark.parametrize("ranges", [("41-45", "45-47"), ("41-45", "43"), ("41", "41-41")])
def test_ranges_of_one_length_do_not_overlap(ranges: tuple[str, str]) -> None:
    with pytest.raises(SettingsError, match="overlap"):
        parse_routes(dict.fromkeys(ranges, "a"))


def test_a_route_to_an_unknown_provider_is_refused_at_start() -> None:
    with pytest.raises(SettingsError, match="'b', which has no settings") as refused:
        providers(parse_routes({"visa": "a", "411111": "b"}), "a")
    assert "[tsp.b]" in refused.value.hint


def test_a_network_that_its_provider_does_not_serve_is_refused_at_start() -> None:
    with pytest.raises(SettingsError, match="amex is routed to the provider 'a', which does not serve it"):
        providers(parse_routes({"amex": "a"}), "a")


def test_a_card_without_a_route_is_not_supported() -> None:
    with pytest.raises(CardNotSupportedError) as refused:
        providers(parse_routes({"visa": "a", "amex": NO_PROVIDER}), "a").for_card(card("37"))
    assert refused.value.hint == "amex: no provider is configured for it"
    with pytest.raises(CardNotSupportedError, match="not supported") as refused:
        providers(parse_routes({"visa": "a"}), "a").for_card(card("561059"))
    assert refused.value.hint == "an unknown network: no provider is configured for it"


def test_providers_are_found_by_card_and_by_name() -> None:
    both = providers(parse_routes({"visa": "a", "411111": "b"}), "a", "b")
    assert [both.for_card(card(digits)).tsp_id for digits in ("4", "411111")] == ["a", "b"]
    assert [both.by_id(name).tsp_id for name in ("a", "b")] == ["a", "b"]
    assert [each.tsp_id for each in both] == ["a", "b"]
    assert both.routed()["visa"] == "a"


def test_an_unknown_provider_is_a_retryable_error_that_names_the_missing_table() -> None:
    with pytest.raises(TokenServiceUnavailableError) as refused:
        providers(everything_to("a"), "a").by_id("b")
    assert "[tsp.b] is missing" in refused.value.hint
    assert "configured are: a" in refused.value.hint


@pytest.mark.parametrize("network", Network)
def test_without_routes_every_card_goes_to_one_provider(network: Network) -> None:
    prefixes = {"visa": "4", "mastercard": "51", "rupay": "508", "amex": "37", "diners": "36"}
    assert everything_to("local").of(card(prefixes[network.value])) == "local"


async def test_circuit_names_begin_with_their_provider() -> None:
    seen: list[str] = []
    both = providers(everything_to("a"), "a", "b")
    both.watch(lambda name, _: seen.append(name))
    verbs = ["provision", "cryptogram", "lifecycle", "get", "close_enrolment", "events"]
    assert seen == [f"{name}.{verb}" for name in ("a", "b") for verb in verbs]
