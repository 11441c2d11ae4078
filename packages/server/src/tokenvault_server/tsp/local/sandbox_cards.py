"""The cards that the local token service serves by default: public test numbers, none of them a real card.

Networks, types and sub types of single numbers are those of Cashfree's published sandbox table. It names no banks, so
the banks here are our choice. docs/reference/test-cards.md is generated from this file.
"""

from __future__ import annotations

from tokenvault_server.domain.network import Network
from tokenvault_server.tsp.local.ranges import CardRange

_VISA, _MASTERCARD, _RUPAY, _AMEX, _DINERS = Network
_CREDIT, _DEBIT, _PREPAID = "credit_card", "debit_card", "prepaid_card"
_RETAIL, _PREMIUM, _CORPORATE = "R", "P", "C"


def _card(number: str, network: Network, card_type: str, card_sub_type: str, issuer: str) -> CardRange:
    return CardRange(number, len(number), network, card_type, card_sub_type, issuer)


def _bin(prefix: str, network: Network, card_type: str, card_sub_type: str, issuer: str) -> CardRange:
    return CardRange(prefix, 16, network, card_type, card_sub_type, issuer)


SANDBOX_CARDS = (
    _card("4706131211212123", _VISA, _DEBIT, _RETAIL, "HDFC BANK"),
    _card("4062288312345026", _VISA, _DEBIT, _RETAIL, "STATE BANK OF INDIA"),
    _card("4576238912771450", _VISA, _CREDIT, _RETAIL, "ICICI BANK"),
    _card("4444333322221111", _VISA, _CREDIT, _RETAIL, "AXIS BANK"),
    _card("4466050254381183", _VISA, _CREDIT, _PREMIUM, "HDFC BANK"),
    _card("4136880012657791", _VISA, _CREDIT, _PREMIUM, "KOTAK MAHINDRA BANK"),
    _card("4074970084343075", _VISA, _CREDIT, _CORPORATE, "ICICI BANK"),
    _card("4770355457382883", _VISA, _CREDIT, _CORPORATE, "YES BANK"),
    _card("5409162669381034", _MASTERCARD, _DEBIT, _RETAIL, "AXIS BANK"),
    _card("5445856839524391", _MASTERCARD, _DEBIT, _RETAIL, "CANARA BANK"),
    _card("5105105105105100", _MASTERCARD, _CREDIT, _RETAIL, "HDFC BANK"),
    _card("5176539438527826", _MASTERCARD, _CREDIT, _RETAIL, "ICICI BANK"),
    _card("5242535837492075", _MASTERCARD, _CREDIT, _PREMIUM, "INDUSIND BANK"),
    _card("5203860658394375", _MASTERCARD, _CREDIT, _PREMIUM, "RBL BANK"),
    _card("5552190758372734", _MASTERCARD, _CREDIT, _CORPORATE, "AXIS BANK"),
    _card("5506908329471983", _MASTERCARD, _CREDIT, _CORPORATE, "YES BANK"),
    _card("6074825972083818", _RUPAY, _DEBIT, _RETAIL, "PUNJAB NATIONAL BANK"),
    _card("6074828163369590", _RUPAY, _DEBIT, _RETAIL, "BANK OF BARODA"),
    _card("6528591234543575", _RUPAY, _CREDIT, _RETAIL, "STATE BANK OF INDIA"),
    _card("65292523412356", _RUPAY, _CREDIT, _RETAIL, "UNION BANK OF INDIA"),  # fourteen digits, as published
)
"""Cashfree's sandbox table, number by number."""

TOKEN_VAULT_BINS = (
    _bin("470613", _VISA, _DEBIT, _RETAIL, "HDFC BANK"),
    _bin("457623", _VISA, _CREDIT, _RETAIL, "ICICI BANK"),
    _bin("436534", _VISA, _CREDIT, _PREMIUM, "AXIS BANK"),
    _bin("415527", _VISA, _DEBIT, _RETAIL, "STATE BANK OF INDIA"),
    _bin("466535", _VISA, _PREPAID, _RETAIL, "KOTAK MAHINDRA BANK"),
    _bin("559423", _MASTERCARD, _CREDIT, _RETAIL, "HDFC BANK"),
    _bin("544405", _MASTERCARD, _DEBIT, _RETAIL, "BANK OF BARODA"),
    _bin("533983", _MASTERCARD, _DEBIT, _RETAIL, "AXIS BANK"),
    _bin("555219", _MASTERCARD, _CREDIT, _CORPORATE, "AXIS BANK"),
    _bin("524877", _MASTERCARD, _PREPAID, _RETAIL, "YES BANK"),
)
"""The BINs for testing saved cards: any sixteen digits with such a prefix and a correct check digit are a card."""

WELL_KNOWN_CARDS = (
    _card("378282246310005", _AMEX, _CREDIT, _RETAIL, "AMERICAN EXPRESS"),
    _card("371449635398431", _AMEX, _CREDIT, _PREMIUM, "AMERICAN EXPRESS"),
    _card("30569309025904", _DINERS, _CREDIT, _RETAIL, "HDFC BANK"),
    _card("38520000023237", _DINERS, _CREDIT, _PREMIUM, "HDFC BANK"),
    _card("36227206271667", _DINERS, _CREDIT, _CORPORATE, "HDFC BANK"),
)
"""Numbers for networks that are not in the sandbox table. Many payment companies publish them as test cards."""

TEST_RANGES = SANDBOX_CARDS + TOKEN_VAULT_BINS + WELL_KNOWN_CARDS
