"""Only a trusted proxy is believed about where a call came from, and only when what it says is an address."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenvault_server.api.origins import Origins
from tokenvault_server.errors import SettingsError

PROXIES = ("10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48")
CALLER = "203.0.113.9"


@pytest.mark.parametrize(
    ("peer", "forwarded", "origin"),
    [
        ("10.0.0.1", CALLER, CALLER),
        ("10.0.0.1", f"198.51.100.1, {CALLER}", CALLER),
        ("10.0.0.1", f"{CALLER}, 10.2.3.4 ,192.0.2.7", CALLER),
        ("10.0.0.1", "10.2.3.4", "10.2.3.4"),
        ("10.0.0.1", f"{CALLER}:4711", CALLER),
        ("2001:db8:1::1", "[2001:db8:2::2]:4711", "2001:db8:2::2"),
        ("2001:db8:1::1", "2001:DB8:2:0::2", "2001:db8:2::2"),
        ("::ffff:10.0.0.1", f"::ffff:{CALLER}", CALLER),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", f"{CALLER}, unknown", "10.0.0.1"),
        ("10.0.0.1", f"{CALLER}, _hidden, 10.2.3.4", "10.2.3.4"),
        ("10.0.0.1", "fe80::1%eth0", "10.0.0.1"),
        ("10.0.0.1", ",,,", "10.0.0.1"),
        ("198.51.100.1", CALLER, "198.51.100.1"),
        ("", CALLER, ""),
    ],
)
def test_the_last_address_that_is_no_proxys_is_the_callers(peer: str, forwarded: str, origin: str) -> None:
    assert Origins(PROXIES).of(peer, forwarded) == origin


@given(st.text(alphabet="0123456789abcdef.:%[], \txyz", max_size=60))
def test_nothing_but_an_address_is_taken_over(forwarded: str) -> None:
    assert str(ip_address(Origins(PROXIES).of("10.0.0.1", forwarded)))


def test_a_chain_without_end_is_read_from_its_end() -> None:
    assert Origins(PROXIES).of("10.0.0.1", "198.51.100.1, " * 10_000 + CALLER) == CALLER
    assert Origins(PROXIES).of("10.0.0.1", "10.0.0.2, " * 10_000 + "10.0.0.3") == "10.0.0.2"


def test_without_trusted_proxies_the_header_is_ignored() -> None:
    assert not Origins(()).looks_behind
    assert Origins(()).of("10.0.0.1", CALLER) == "10.0.0.1"


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.1/8", "", "10.0.0.0/33"])
def test_a_proxy_is_an_address_or_a_network(text: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Origins([text])
    assert refused.value.message == "trusted_proxies takes addresses and networks, such as 10.0.0.0/8"


@pytest.mark.parametrize("around", ["\xa0", "\x0b", "X"])
def test_spaces_and_tabs_alone_may_stand_around_an_address(around: str) -> None:
    origins = Origins(PROXIES)
    assert origins.of("10.0.0.1", f" \t{CALLER}\t ") == CALLER
    assert origins.of("10.0.0.1", CALLER + around) == origins.of("10.0.0.1", around + CALLER) == "10.0.0.1"


def test_what_was_worked_out_is_remembered_in_bounded_memory() -> None:
    assert Origins(PROXIES)._cached.cache_info().maxsize == 4_096  # noqa: SLF001  # it shows in nothing else
