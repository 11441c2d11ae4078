"""Check a provider's answers before anything in them is stored or passed on.

A provider may be wrong: its adapter has a bug, a proxy mixes up answers, or an impostor answers. A response that is
visibly invalid is treated like no response (502), and none of it is stored. Optional facts are checked where they are
present.
"""

from __future__ import annotations

import re
from typing import Final

from tokenvault_server.domain.card import Expiry, luhn_valid
from tokenvault_server.domain.card_numbers import holds_card_number
from tokenvault_server.domain.network import Network, network_of
from tokenvault_server.domain.network_token import NetworkToken
from tokenvault_server.errors import UnusableAnswerError
from tokenvault_server.tsp.events import Suspender, TokenEvent, TokenStatus
from tokenvault_server.tsp.provider import Cryptogram, LifecycleResult, ProvisionRequest, TokenGrant, TokenView

# A long random id sometimes contains digits that look like a card number. References are sealed wherever they are
# stored.
_REFERENCE: Final = re.compile(r"[\x21-\x7e]{1,128}")
_TOKEN_PAN: Final = re.compile(r"[0-9]{13,19}")  # EMV Payment Tokenisation, data element "Payment Token"
_PAR: Final = re.compile(r"[0-9A-Z]{29}")  # EMVCo, PAR: four characters name the controller, which chooses the other 25
_TRID: Final = re.compile(
    r"[0-9]{11}"
)  # EMV Payment Tokenisation: three digits of the provider, eight of the requestor
_COUNTRY: Final = re.compile(r"[A-Z]{2}")  # ISO 3166-1
_LAST4: Final = re.compile(r"[0-9]{4}")
_ECI: Final = re.compile(r"[0-9]{1,2}")
_LAST_COUNTER: Final = 0xFFFF  # two bytes (EMV book 3, tag 9F36)
_LONGEST_TEXT: Final = 100
# 28 characters are twenty bytes in base64, 40 are twenty bytes in hexadecimal. RuPay's cryptograms are longer than
# others.
_CRYPTOGRAM: Final = re.compile(r"[A-Za-z0-9+/=_-]{28,40}")
_GRANTED: Final = frozenset({TokenStatus.ACTIVE, TokenStatus.INACTIVE, TokenStatus.SUSPENDED})


def check_grant(request: ProvisionRequest, grant: TokenGrant, now: int) -> None:
    """Refuse a grant that is not a usable token for the card that was sent."""
    pan = request.card.pan.reveal()
    check_reference(grant.token_reference)
    _require(pan not in grant.token_reference, "a token reference that contains the card number")
    _check_token(grant.token_pan, grant.token_expiry, grant.network, now)
    _require(grant.token_pan.reveal() != pan, "the card number as the token number")
    _require(network_of(pan) in {None, grant.network}, "a token of a network that is not the card's")
    _require(grant.last4 == pan[-4:], "the last four digits of another card")
    _require(grant.par is None or bool(_PAR.fullmatch(grant.par)), "an invalid PAR")
    _require(bool(_TRID.fullmatch(grant.trid)), "an invalid token requestor id")
    _require(type(grant.network) is Network, "an unknown network")
    _require(grant.status in _GRANTED, "an expired or deleted token")
    _require(grant.at > 0, "a grant without a time")
    _require(grant.country is None or bool(_COUNTRY.fullmatch(grant.country)), "an invalid country code")
    _require(
        all(map(is_text, (grant.issuer, grant.card_type, grant.card_sub_type))),
        "an issuer or card type that cannot be displayed",
    )


def check_cryptogram(cryptogram: Cryptogram, now: int) -> None:
    """Refuse a cryptogram that is malformed or expired. The vault itself compares the token."""
    _require(bool(_CRYPTOGRAM.fullmatch(cryptogram.value.reveal())), "a malformed cryptogram")
    _require(cryptogram.expires_at > now, "an expired cryptogram")
    _require(cryptogram.token_expiry.ends_at() > now, "a cryptogram for an expired token")
    _require(cryptogram.atc is None or 0 <= cryptogram.atc <= _LAST_COUNTER, "an invalid counter")
    _require(cryptogram.eci is None or bool(_ECI.fullmatch(cryptogram.eci)), "an invalid ECI")


def check_view(token_reference: str, view: TokenView, now: int) -> None:
    """Refuse the view of another token, or one with an invalid token number."""
    _require(view.token_reference == token_reference, "the status of another token")
    _require(type(view.status) is TokenStatus, "an unknown status")
    _require(view.at > 0, "a view without a time")
    if view.token_pan is not None and view.status is not TokenStatus.EXPIRED:
        _check_token(view.token_pan, view.token_expiry, view.network, now)


def check_result(result: LifecycleResult) -> None:
    """Refuse an unknown status or suspender."""
    _require(type(result.status) is TokenStatus, "an unknown status")
    _require(result.suspended_by in {None, *Suspender}, "an unknown suspender")
    _require(result.at > 0, "a status without a time")


def check_event(event: TokenEvent, network: Network | None, now: int) -> None:
    """Refuse an event that cannot be true of a token of this network. For an unknown token, `network` is None."""
    check_reference(event.reference)
    _require(event.at > 0, "an event without a time")
    _require(event.status is None or type(event.status) is TokenStatus, "an unknown status")
    _require(event.suspended_by in {None, *Suspender}, "an unknown suspender")
    _require(event.last4 is None or bool(_LAST4.fullmatch(event.last4)), "last digits that are not four digits")
    _require(is_text(event.reason), "a reason that cannot be displayed")
    _require(
        (event.token_pan is None) == (event.token_expiry is None),
        "a token number without its expiry, or an expiry without its number",
    )
    if event.token_pan is not None and event.token_expiry is not None:
        _check_token(event.token_pan, event.token_expiry, network, now)


def check_reference(token_reference: str | None) -> None:
    """Refuse an invalid token reference."""
    _require(token_reference is None or bool(_REFERENCE.fullmatch(token_reference)), "an invalid token reference")


def _check_token(token_pan: NetworkToken, expiry: Expiry, network: Network | None, now: int) -> None:
    digits = token_pan.reveal()
    _require(bool(_TOKEN_PAN.fullmatch(digits)), "a token number of a wrong length")
    _require(luhn_valid(digits), "a token number with a wrong check digit")
    _require(network is None or network_of(digits) in {None, network}, "a token number of another network")
    _require(expiry.ends_at() > now, "an expired token")


def is_text(text: str) -> bool:
    """Return whether text may be stored in the clear and displayed: short, printable, and without a card number."""
    return len(text) <= _LONGEST_TEXT and text.isprintable() and not holds_card_number(text)


def _require(is_valid: bool, problem: str) -> None:  # noqa: FBT001  # each call reads as a sentence
    if not is_valid:
        raise UnusableAnswerError(hint=f"the provider returned {problem}")
