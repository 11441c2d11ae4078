"""The addresses that events may be sent to: public ones, and networks that an operator allows.

Otherwise a webhook URL could make the vault call a service inside the operator's network, such as a database, a cloud's
metadata service or another tenant (OWASP: server-side request forgery). Checking host names would not help: the owner
of a name chooses its address, and can change it between the check and the connection. Addresses are checked instead,
and the connection goes to exactly the address that was checked.
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
            # IANA's registry of IPv4 special-purpose addresses (RFC 6890), and the multicast and reserved ranges.
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
            "168.63.129.16/32",  # Azure's platform service, reachable from inside a virtual machine
            # The same for IPv6, within the only range that is public (RFC 4291): protocols, documentation, 6to4.
            *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
        ),
    )
)
_UNICAST: Final = ip_network("2000::/3")
"""Addresses outside of it are not public: loopback, link-local, unique local, mapped IPv4, multicast."""


class Target(NamedTuple):
    """The parts of a URL."""

    is_secure: bool
    host: str
    port: int
    path: str
    """With the query, as the request line has it."""

    @property
    def authority(self) -> str:
        """The value of the `host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.is_secure else "http"] else f"{host}:{self.port}"


class AddressPolicy:
    """Decides which URLs and addresses may be used."""

    def __init__(self, networks: Iterable[str] = (), *, allows_http: bool = False) -> None:
        """Allow public addresses and these networks.

        Raises:
            SettingsError: one of the networks is not a network.
        """
        try:
            self._networks = tuple(ip_network(text) for text in networks)
        except ValueError:
            raise SettingsError("webhook_networks takes networks such as 10.1.0.0/16") from None
        self._allows_http = allows_http

    def allows(self, address: Address) -> bool:
        """Return whether a connection to an address is allowed."""
        # Operators allow 10.1.2.3 and mean ::ffff:10.1.2.3 too: it is the same machine.
        unmapped = (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
        if any(unmapped in network for network in self._networks if network.version == unmapped.version):
            return True
        if isinstance(address, IPv6Address) and address not in _UNICAST:
            return False
        return not any(address in network for network in _NOT_PUBLIC if network.version == address.version)

    def target(self, url: str) -> Target:
        """Return the parts of a URL that may be used as an endpoint.

        Raises:
            InvalidFieldError: it may not; the reason is in our own words and holds nothing of the URL.
        """
        if not 0 < len(url) <= _MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise InvalidFieldError("url", f"must be at most {_MAX_URL} characters of ASCII, without spaces")
        if holds_card_number(url) or holds_api_secret(url):
            raise InvalidFieldError("url", "must not hold card numbers or secrets")
        target = _parse(url)
        if not target.is_secure and not self._allows_http:
            raise InvalidFieldError("url", "must begin with https://; `webhook_http` allows http://")
        literal = _literal(target.host)
        if literal and not self.allows(literal):
            raise InvalidFieldError("url", "names an address that is not public; `webhook_networks` allows networks")
        return target

    def allowed(self, resolved: Sequence[str]) -> list[Address]:
        """Return the addresses of a name, or none at all if one of them is not allowed."""
        addresses = [ip_address(text.partition("%")[0]) for text in resolved]
        return addresses if all(map(self.allows, addresses)) else []


def _parse(url: str) -> Target:
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
    """Return the address that a host stands for literally, or None for a name.

    Old spellings of IPv4 (`127.1`, `0x7f000001`) count as names here. Resolving them returns an address, which is
    checked like any other.
    """
    try:
        return ip_address(host)
    except ValueError:
        return None
