"""The card networks whose tokens the vault stores."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class Network(StrEnum):
    """A card network, by the name that the newest API version uses."""

    VISA = "visa"
    MASTERCARD = "mastercard"
    RUPAY = "rupay"
    AMEX = "amex"
    DINERS = "diners"


_PREFIXES: Final = {
    Network.VISA: re.compile(r"4"),
    Network.MASTERCARD: re.compile(r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720"),
    Network.RUPAY: re.compile(r"508|6[05]|8[12]|35[36]"),
    Network.AMEX: re.compile(r"3[47]"),
    Network.DINERS: re.compile(r"3(?:0[0-5]|[689])"),
}


def network_of(number: str) -> Network | None:
    """Return the network of a card or token number by its prefix (ISO/IEC 7812), or None."""
    return next((network for network, prefix in _PREFIXES.items() if prefix.match(number)), None)
