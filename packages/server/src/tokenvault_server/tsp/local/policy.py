"""What an operator may choose about the local token service; plain values, so that settings stay out of here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tokenvault_server.domain.network import Network
from tokenvault_server.errors import SettingsError
from tokenvault_server.tsp.local.ranges import TOKEN_PREFIXES, CardRange

DEFAULT_CONTROLLERS: Mapping[Network, str] = {
    Network.VISA: "TVV1",
    Network.MASTERCARD: "TVM1",
    Network.RUPAY: "TVR1",
    Network.AMEX: "TVA1",
    Network.DINERS: "TVD1",
}
"""Who a PAR says it is from: names that no network has (Visa's own begin V001, Mastercard's 5001)."""

_LONGEST_PREFIX = 12  # the shortest cards have fourteen digits; one must be free and one is the check digit
SHORTEST_CRYPTOGRAM_SECONDS = 120
LONGEST_CRYPTOGRAM_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class IssuerPolicy:
    """How the local token service issues.

    Raises SettingsError where a value cannot be used.
    """

    cryptogram_seconds: int = 15 * 60
    """How long a cryptogram may be presented at most. It carries its minute of issue, so up to a minute less."""
    token_years: int = 4
    """How long a token lives, whatever the card does."""
    provider_code: str = "900"
    """The first three digits of every TRID; no network gives this one out."""
    controllers: Mapping[Network, str] = field(default_factory=lambda: DEFAULT_CONTROLLERS)
    """The first four characters of every PAR, by network."""
    token_prefixes: Mapping[Network, str] = field(default_factory=lambda: TOKEN_PREFIXES)
    """Where the tokens of a network begin."""
    extra_ranges: tuple[CardRange, ...] = ()
    """Card ranges to serve beside the test cards."""

    def __post_init__(self) -> None:
        """Refuse what would make identifiers of a wrong shape or cryptograms that are born expired."""
        if not SHORTEST_CRYPTOGRAM_SECONDS <= self.cryptogram_seconds <= LONGEST_CRYPTOGRAM_SECONDS:
            raise SettingsError("cryptograms live between two minutes and a day")
        if len(self.provider_code) != 3 or not self.provider_code.isdecimal():
            raise SettingsError("a TRID provider code has three digits")
        if any(not prefix.isdecimal() or len(prefix) > _LONGEST_PREFIX for prefix in self.token_prefixes.values()):
            raise SettingsError("a token range begins with at most twelve digits")
        if any(len(name) != 4 or not name.isalnum() for name in self.controllers.values()):
            raise SettingsError("a PAR controller has four letters or digits")
