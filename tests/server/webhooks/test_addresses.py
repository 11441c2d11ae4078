"""The vault never calls a private address: not by a literal, by a name, or by another spelling."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from tokenvault_server.errors import InvalidFieldError, SettingsError
from tokenvault_server.webhooks.addresses import AddressPolicy

PUBLIC = ("52.66.25.127", "1.1.1.1", "172.15.255.255", "172.32.0.0", "2606:4700::1111", "2a00:1450:4001::200e")
PRIVATE = (
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("169.254.169.254", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.0.192", "192.0.2.1"),
    *("198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "100::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:52.66.25.127", "::7f00:1"),
    *("64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2001::1", "2001:db8::1", "3fff::1"),
)
STRICT = AddressPolicy()


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    assert STRICT.allows(ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert not STRICT.allows(ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_that_are_not_public_are_refused_in_a_url(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(InvalidFieldError, match="not public"):
        STRICT.target(f"https://{host}/hook")


def test_an_operator_can_allow_networks() -> None:
    policy = AddressPolicy(["10.1.0.0/16", "fd00::/64"])
    assert [policy.allows(ip_address(each)) for each in ("10.1.2.3", "10.2.0.1", "fd00::1", "fd01::1")] == [
        *(True, False, True, False)
    ]
    assert policy.allows(ip_address("::ffff:10.1.2.3")), "the same machine as 10.1.2.3"
    assert not policy.allows(ip_address("::ffff:10.2.0.1"))


def test_a_name_with_one_private_address_is_refused() -> None:
    assert STRICT.allowed(["1.1.1.1", "127.0.0.1"]) == []
    assert STRICT.allowed(["1.1.1.1", "fe80::1%eth0"]) == []
    assert [str(each) for each in STRICT.allowed(["1.1.1.1", "2606:4700::1111"])] == ["1.1.1.1", "2606:4700::1111"]


def test_a_name_without_addresses_has_no_allowed_address() -> None:
    assert STRICT.allowed([]) == []


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "hook",
            "//host/",
            "https://",
            "https:///path",
            "https://:443/",
            "https://host:0/",
            "https://host:99999/",
        ),
        *("ftp://host/", "file:///etc/passwd", "gopher://host/", "javascript:1", "https://user@host/"),
        *("https://user:pass@host/", "https://host/#part", "https://ho st/", "https://host/\r\nx: 1"),
        *("https://höst.example/", "https://host/é", "https://[::1", "https://[host]/", "https://host/" + "x" * 2048),
        *("https://host\\@127.0.0.1/", "https://127.0.0.1#@host/", "https://ho%73t/", "https://a..b|/"),
        *("https://host/4706131211212123", "https://host/?k=tvsk_abc", "\x00https://host/", "https://host/\x7f"),
    ],
)
def test_a_malformed_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidFieldError):
        STRICT.target(url)


def test_http_is_refused_unless_it_is_allowed() -> None:
    with pytest.raises(InvalidFieldError, match="https://"):
        STRICT.target("http://shop.example/hook")
    assert not AddressPolicy(allows_http=True).target("http://shop.example/hook").is_secure


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("https://Shop.Example/hook?a=1", "shop.example", "/hook?a=1"),
        ("https://shop.example", "shop.example", "/"),
        ("https://shop.example:443/", "shop.example", "/"),
        ("https://shop.example:8443/a/../b", "shop.example:8443", "/a/../b"),
        ("https://[2606:4700::1111]:8443/", "[2606:4700::1111]:8443", "/"),
    ],
)
def test_a_url_is_parsed(url: str, authority: str, path: str) -> None:
    target = STRICT.target(url)
    assert (target.authority, target.path) == (authority, path)


def test_an_invalid_network_is_a_settings_error() -> None:
    with pytest.raises(SettingsError, match="webhook_networks"):
        AddressPolicy(["10.1.0.0/33"])
