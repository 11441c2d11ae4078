"""Choose the provider that tokenises a card, and find the provider that created a token.

Routes decide for a new card: first a range of BINs (the longest that fits), then the network. Every call about an
existing token goes to the provider whose `tsp_id` is stored with its cards. Both are look-ups in memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

from tokenvault_server.domain.card import Pan
from tokenvault_server.domain.network import Network, network_of
from tokenvault_server.errors import CardNotSupportedError, SettingsError, UnknownProviderError
from tokenvault_server.tsp.circuit import Watcher
from tokenvault_server.tsp.guarded import GuardedTokenService

NO_PROVIDER: Final = "none"
"""The route of cards that are not supported."""

_RANGE: Final = re.compile(r"([0-9]{1,8})(?:-([0-9]{1,8}))?")
_NETWORKS: Final = {network.value: network for network in Network}


class BinRange(NamedTuple):
    """BINs of one length that go to one provider, both ends included."""

    first: str
    last: str
    tsp_id: str

    def contains(self, bin_digits: str) -> bool:
        """Return whether a BIN is in this range."""
        return self.first <= bin_digits[: len(self.first)] <= self.last


class Routes(NamedTuple):
    """The provider of each network and of each range of BINs; `default` serves every other card."""

    by_network: Mapping[Network, str]
    ranges: tuple[BinRange, ...]
    default: str = NO_PROVIDER

    @property
    def tsp_ids(self) -> frozenset[str]:
        """The names of all providers that a route names."""
        named = {*self.by_network.values(), *(entry.tsp_id for entry in self.ranges), self.default}
        return frozenset(named - {NO_PROVIDER})

    def of(self, pan: Pan) -> str:
        """Return the provider's name for a card, or `none`."""
        digits = pan.bin
        for entry in self.ranges:
            if entry.contains(digits):
                return entry.tsp_id
        network = network_of(digits)
        return self.by_network.get(network, self.default) if network else self.default


def everything_to(tsp_id: str) -> Routes:
    """Return routes that send every card to one provider."""
    return Routes({}, (), tsp_id)


def parse_routes(routes: Mapping[str, str]) -> Routes:
    """Return the routes of the settings: by network, by BIN or by a range of BINs.

    Raises:
        SettingsError: a route is none of these, or two ranges of the same length overlap.
    """
    by_network, ranges = {}, []
    for name, tsp_id in routes.items():
        if network := _NETWORKS.get(name):
            by_network[network] = tsp_id
        else:
            ranges.append(_range(name, tsp_id))
    # The longest BIN decides, not the order in the file.
    ranges.sort(key=lambda entry: (-len(entry.first), entry.first))
    for one, next_one in pairwise(ranges):
        if len(one.first) == len(next_one.first) and next_one.first <= one.last:
            raise SettingsError(
                f"the routes of {one.first}-{one.last} and {next_one.first}-{next_one.last} overlap",
                hint="of two ranges that share cards, one must have longer BINs",
            )
    return Routes(by_network, tuple(ranges))


class Providers:
    """All providers of a vault, behind their guards."""

    def __init__(self, providers: Iterable[GuardedTokenService], routes: Routes) -> None:
        """Route cards to `providers`.

        Raises:
            SettingsError: a route names an unknown provider, or one that does not serve the network.
        """
        self._by_id = {provider.tsp_id: provider for provider in providers}
        self._routes = routes
        for tsp_id in sorted(routes.tsp_ids - self._by_id.keys()):
            raise SettingsError(
                f"a route leads to the provider '{tsp_id}', which has no settings",
                hint=f"add [tsp.{tsp_id}], or route to one of: {', '.join(sorted(self._by_id))}, {NO_PROVIDER}",
            )
        for network, tsp_id in routes.by_network.items():
            if tsp_id != NO_PROVIDER and network not in self._by_id[tsp_id].capabilities.networks:
                raise SettingsError(
                    f"{network.value} is routed to the provider '{tsp_id}', which does not serve it",
                    hint=f'set [tsp.routes] {network.value} = "{NO_PROVIDER}", or name another provider',
                )

    def __iter__(self) -> Iterator[GuardedTokenService]:
        """Iterate over all providers, in the order of their settings."""
        return iter(self._by_id.values())

    def for_card(self, pan: Pan) -> GuardedTokenService:
        """Return the provider that tokenises a card.

        Raises:
            CardNotSupportedError: no route names a provider for it.
        """
        tsp_id = self._routes.of(pan)
        if tsp_id == NO_PROVIDER:
            network = network_of(pan.bin)
            name = network.value if network else "an unknown network"
            raise CardNotSupportedError(hint=f"{name}: no provider is configured for it")
        return self._by_id[tsp_id]

    def by_id(self, tsp_id: str) -> GuardedTokenService:
        """Return the provider that created a token.

        Raises:
            UnknownProviderError: it is not configured in this process. Once it is, the call or task can be repeated.
        """
        provider = self._by_id.get(tsp_id)
        if provider is None:
            raise UnknownProviderError(tsp_id, configured=sorted(self._by_id))
        return provider

    def watch(self, watcher: Watcher) -> None:
        """Report the state of every provider's circuit breakers."""
        for provider in self:
            provider.watch(watcher)

    def routed(self) -> dict[str, str]:
        """Return the provider's name, or `none`, for each network, to show it to operators."""
        return {network.value: self._routes.by_network.get(network, self._routes.default) for network in Network}


def _range(name: str, tsp_id: str) -> BinRange:
    match = _RANGE.fullmatch(name)
    first, last = (match[1], match[2] or match[1]) if match else ("", "")
    if not first or len(first) != len(last) or first > last:
        raise SettingsError(
            f"the route '{name}' is neither a network nor a range of BINs",
            hint=f'networks are {", ".join(_NETWORKS)}; ranges are written "411111" or "222100-272099", up to 8 digits',
        )
    return BinRange(first, last, tsp_id)
