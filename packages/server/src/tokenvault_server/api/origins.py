"""Finds the origin of a call: the peer's address, or the address that a trusted proxy forwards.

A forwarded address counts only when the peer is one of the proxies that the operator trusts. Otherwise any caller could
choose the address whose budget it spends and which the audit trail names. Text that is no address is ignored, so only
addresses are counted or logged.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from tokenvault_server.errors import SettingsError

_Address = IPv4Address | IPv6Address
# Some proxies add the port: `192.0.2.1:1234`, `[2001:db8::1]:1234`.
_WITH_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::[0-9]{1,5})?")
_MAX_HOPS = 16
_MAX_TEXT = 1_024
_CACHED = 4_096


class Origins:
    """Finds the origin of calls that pass through proxies."""

    def __init__(self, trusted_proxies: Sequence[str]) -> None:
        """Trust the proxies with these addresses or in these networks; SettingsError when one is neither."""
        self._trusted = tuple(_network(text) for text in trusted_proxies)
        self._cached = lru_cache(_CACHED)(self._of)

    @property
    def looks_behind(self) -> bool:
        """Whether any proxy is trusted."""
        return bool(self._trusted)

    def of(self, peer: str, forwarded: str) -> str:
        """Return the last address, of `x-forwarded-for` and then the peer, that is not a trusted proxy's."""
        return self._cached(peer, forwarded[-_MAX_TEXT:])  # proxies append: the caller controls the beginning

    def _of(self, peer: str, forwarded: str) -> str:
        origin = _address(peer)
        if origin is None:
            return peer
        for _ in range(_MAX_HOPS):
            if not forwarded or not self._trusts(origin):
                break
            forwarded, _, last = forwarded.rpartition(",")
            behind = _address(last.strip(" \t"))
            if behind is None:
                break
            origin = behind
        return str(origin)

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self._trusted)


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(text)
    except ValueError:
        raise SettingsError("trusted_proxies takes addresses and networks, such as 10.0.0.0/8") from None


def _address(text: str) -> _Address | None:
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return None  # any text may stand behind the %
        return address.ipv4_mapped or address
    return address
