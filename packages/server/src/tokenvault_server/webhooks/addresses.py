"""Where notifications may be sent: never, unless an operator says so, to what only this machine can reach.

Who may name a URL could otherwise have the vault call inside the operator's network: a database, a cloud's metadata
service, another tenant (OWASP: server-side request forgery). A name is no protection, since whoever owns it decides
what it means, and may decide anew between a check and a connection. So it is addresses that are checked, and the
connection goes to the very address that was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from tokenvault_server.domain.card_numbers import holds_card_number
from tokenvault_server.domain.identifiers import holds_api_secret
from tokenvault_server.errors import InvalidFieldError, SettingsError

Address = IPv4Address | IPv6Address

_MAX_URL: Final = 2_048
_PORTS: Final = {"https": 443, "http": 80}
_HOST: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-._")

_NOT_PUBLIC: Final = tuple(
    map(
        ip_network,
        (
            # IANA's registry of IPv4 special-purpose addresses (RFC 6890), and what no host has.
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            "168.63.129.16/32",  # Azure's platform service answers here from inside a machine
            # The same for IPv6, within the only range that is public at all (RFC 4291): protocols, documentation, 6to4.
            *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
        ),
    )
)
_UNICAST: Final = ip_network("2000::/3")
"""Whatever lies outside of it is not public: loopback, link-local, unique local, IPv4 in other clothes, multicast."""


class Target(NamedTuple):
    """A URL, taken apart."""

    is_secure: bool
    host: str
    port: int
    path: str
    """With the query; what the request line says."""

    @property
    def authority(self) -> str:
        """What the `host` header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.is_secure else "http"] else f"{host}:{self.port}"


class AddressPolicy:
    """What an operator allows."""

    def __init__(self, networks: Iterable[str] = (), *, allows_http: bool = False) -> None:
        """Allow public addresses, and these networks; SettingsError for what is none."""
        try:
            self._networks = tuple(ip_network(text) for text in networks)
        except ValueError:
            raise SettingsError("webhook_networks takes networks such as 10.1.0.0/16") from None
        self._allows_http = allows_http

    def allows(self, address: Address) -> bool:
        """Tell whether a connection may go to an address."""
        plain = (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
        if any(plain in network for network in self._networks if network.version == plain.version):
            return True
        if isinstance(address, IPv6Address) and address not in _UNICAST:
            return False
        return not any(address in network for network in _NOT_PUBLIC if network.version == address.version)

    def target(self, url: str) -> Target:
        """Take a URL apart; InvalidFieldError, in our own words, unless it may be an endpoint's."""
        if not 0 < len(url) <= _MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise InvalidFieldError("url", f"must be at most {_MAX_URL} characters of ASCII, without spaces")
        if holds_card_number(url) or holds_api_secret(url):
            raise InvalidFieldError("url", "must not hold card numbers or secrets")
        target = _apart(url)
        if not target.is_secure and not self._allows_http:
            raise InvalidFieldError("url", "must begin with https://; `webhook_http` allows http://")
        literal = _literal(target.host)
        if literal and not self.allows(literal):
            raise InvalidFieldError("url", "names an address that is not public; `webhook_networks` allows networks")
        return target

    def allowed(self, found: Sequence[str]) -> list[Address]:
        """Give the addresses that a name stands for; none as soon as one of them is not allowed."""
        addresses = [ip_address(text.partition("%")[0]) for text in found]
        return addresses if all(map(self.allows, addresses)) else []


def _apart(url: str) -> Target:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidFieldError("url") from None
    host = (parts.hostname or "").lower()
    if parts.scheme not in _PORTS or not _is_host(host) or port == 0:
        raise InvalidFieldError("url", "must be http(s)://HOST/PATH")
    if "@" in parts.netloc or parts.fragment:
        raise InvalidFieldError("url", "must have neither a user nor a fragment")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme == "https", host, port or _PORTS[parts.scheme], path)


def _is_host(host: str) -> bool:
    return isinstance(_literal(host), IPv6Address) or (0 < len(host) <= 253 and set(host) <= _HOST)


def _literal(host: str) -> Address | None:
    """Give the address that a host is written as, or None for a name.

    Old spellings of IPv4 (`127.1`, `0x7f000001`) count as names here: resolving gives their address, which is checked.
    """
    try:
        return ip_address(host)
    except ValueError:
        return None
