"""What an address is: who pays for it in every budget, count and window, and whether others can reach it."""

from __future__ import annotations

from ipaddress import ip_address
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Final

_MAPPED: Final = bytes(10) + b"\xff\xff"
"""How an IPv4-mapped IPv6 address begins (RFC 4291, 2.5.5.2)."""


def is_loopback(host: str) -> bool:
    """Return whether an address to listen on can be reached from this machine only. Of names, `localhost` is one."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def budget_holder(address: str) -> str:
    """Return the holder of an address's budget, as text.

    An IPv4 address has a budget of its own, also when it is written as IPv4-mapped IPv6. An IPv6 address shares one
    with its /64 network, the least that one customer gets: `2001:db8::1` gives `2001:db8::/64`. A scope (`%eth0`) is
    ignored. Text that is no address, such as the empty text of a Unix socket, is returned as it is.
    """
    if ":" not in address:
        return address
    try:
        packed = inet_pton(AF_INET6, address.partition("%")[0])  # a sixth of the time of `ipaddress`
    except (OSError, ValueError):
        return address
    if packed.startswith(_MAPPED):
        return inet_ntop(AF_INET, packed[12:])
    return inet_ntop(AF_INET6, packed[:8] + bytes(8)) + "/64"
