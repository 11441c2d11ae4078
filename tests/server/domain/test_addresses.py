"""Who pays for an address: an IPv4 address for itself, however it is written, and an IPv6 address with its /64."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tokenvault_server.domain.addresses import budget_holder, is_loopback

V4 = st.ip_addresses(v=4).map(lambda address: IPv4Address(int(address)))
V6 = st.ip_addresses(v=6).map(lambda address: IPv6Address(int(address))).filter(lambda each: each.ipv4_mapped is None)
HOSTS = st.integers(0, 2**64 - 1)


def spellings(address: IPv6Address) -> list[str]:
    """Return ways to write an IPv6 address."""
    text = str(address)
    return [text, address.exploded, address.exploded.upper(), f"{text}%eth0", f"{text}%"]


@pytest.mark.parametrize(
    ("address", "holder"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:C000:201", "192.0.2.1"),
        ("0:0:0:0:0:ffff:c000:0201", "192.0.2.1"),
        ("::ffff:192.0.2.1%eth0", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:DB8:0:0:ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("::192.0.2.1", "::/64"),
        ("", ""),
        ("no:address", "no:address"),
        ("2001:db8::/64", "2001:db8::/64"),
        ("::ffff:192.0.2.1\0", "::ffff:192.0.2.1\0"),
    ],
)
def test_every_spelling_of_an_address_has_one_holder(address: str, holder: str) -> None:
    assert budget_holder(address) == holder


@given(V4)
def test_an_ipv4_address_pays_for_itself_also_when_it_is_mapped(address: IPv4Address) -> None:
    mapped = IPv6Address((0xFFFF << 32) | int(address))
    assert {budget_holder(text) for text in (str(address), f"::ffff:{address}", *spellings(mapped))} == {str(address)}


@given(V6, HOSTS)
def test_all_addresses_of_one_64_network_have_its_name_as_their_holder(address: IPv6Address, host: int) -> None:
    network = IPv6Network((address, 64), strict=False)
    neighbour = IPv6Address(int(network.network_address) | host)
    assume(neighbour.ipv4_mapped is None)
    assert {budget_holder(text) for text in spellings(address) + spellings(neighbour)} == {str(network)}


@given(V6, V6)
def test_two_64_networks_never_share_a_holder(one: IPv6Address, other: IPv6Address) -> None:
    assert (budget_holder(str(one)) == budget_holder(str(other))) == (int(one) >> 64 == int(other) >> 64)


@given(V4, st.one_of(V4, V6))
def test_an_ipv4_address_shares_its_holder_with_nobody(one: IPv4Address, other: IPv4Address | IPv6Address) -> None:
    assert (budget_holder(str(one)) == budget_holder(str(other))) == (one == other)


@given(st.one_of(st.text(max_size=60), st.text("0123456789abcdef.:%/", max_size=60), V4.map(str), V6.map(str)))
def test_any_text_has_a_holder_and_a_holder_is_its_own(text: str) -> None:
    holder = budget_holder(text)
    assert budget_holder(holder) == holder


@pytest.mark.parametrize(
    ("host", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", False),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
        ("vault.example", False),
        ("", False),
    ],
)
def test_loopback_is_an_address_of_this_machine_or_its_name(host: str, *, is_local: bool) -> None:
    assert is_loopback(host) is is_local
