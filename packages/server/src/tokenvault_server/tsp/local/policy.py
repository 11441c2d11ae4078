"""The choices of an operator for the local token service. These are plain values: this layer imports no settings."""

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
"""The controller part of a PAR. No real network uses these values (Visa's begin V001, Mastercard's 5001)."""

_LONGEST_PREFIX = 12  # the shortest cards have fourteen digits: one must be random, and one is the check digit
SHORTEST_CRYPTOGRAM_SECONDS = 120
LONGEST_CRYPTOGRAM_SECONDS = 24 * 60 * 60


@dataclass(frozen=True, slots=True)
class IssuerPolicy:
    """How the local token service issues.

    Raises:
        SettingsError: a value cannot be used.
    """

    cryptogram_seconds: int = 15 * 60
    """How long a cryptogram may be presented. It contains its minute of issue, so it can be up to a minute less."""
    token_years: int = 4
    """How long a token is valid, independent of the card's expiry."""
    provider_code: str = "900"
    """The first three digits of every TRID; no network assigns this value."""
    controllers: Mapping[Network, str] = field(default_factory=lambda: DEFAULT_CONTROLLERS)
    """The first four characters of every PAR, by network."""
    token_prefixes: Mapping[Network, str] = field(default_factory=lambda: TOKEN_PREFIXES)
    """The first digits of every token number, by network."""
    extra_ranges: tuple[CardRange, ...] = ()
    """Card ranges to serve in addition to the test cards."""

    def __post_init__(self) -> None:
        """Refuse values that would make malformed identifiers, or cryptograms that are expired when they are issued."""
        if not SHORTEST_CRYPTOGRAM_SECONDS <= self.cryptogram_seconds <= LONGEST_CRYPTOGRAM_SECONDS:
            raise SettingsError("a cryptogram is valid for two minutes to a day")
        if len(self.provider_code) != 3 or not self.provider_code.isdecimal():
            raise SettingsError("a TRID provider code has three digits")
        if any(not prefix.isdecimal() or len(prefix) > _LONGEST_PREFIX for prefix in self.token_prefixes.values()):
            raise SettingsError("the prefix of a token range has at most twelve digits")
        if any(len(name) != 4 or not name.isalnum() for name in self.controllers.values()):
            raise SettingsError("a PAR controller has four letters or digits")
