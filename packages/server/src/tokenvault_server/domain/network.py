"""The card networks whose tokens the vault keeps."""

from __future__ import annotations

from enum import StrEnum


class Network(StrEnum):
    """A card network, by the name that the newest API version uses."""

    VISA = "visa"
    MASTERCARD = "mastercard"
    RUPAY = "rupay"
    AMEX = "amex"
    DINERS = "diners"
