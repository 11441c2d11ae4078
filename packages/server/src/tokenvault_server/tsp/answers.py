"""Checks of a provider's answers, before anything of them is stored or passed on.

A provider may be wrong: its adapter has a bug, a proxy mixes up answers, or an impostor answers. An answer that is
visibly wrong is treated like no answer at all (502), and nothing of it is stored. Optional facts are checked where they
are present.
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

# Long random ids hold what looks like a card number now and then; a reference is sealed wherever it is kept.
_REFERENCE: Final = re.compile(r"[\x21-\x7e]{1,128}")
_TOKEN_PAN: Final = re.compile(r"[0-9]{13,19}")  # EMV Payment Tokenisation, data element "Payment Token"
_PAR: Final = re.compile(r"[0-9A-Z]{29}")  # EMVCo, PAR: four of the controller, 25 of its choice
_TRID: Final = re.compile(r"[0-9]{11}")  # EMV Payment Tokenisation: three of the provider, eight of the requestor
_COUNTRY: Final = re.compile(r"[A-Z]{2}")  # ISO 3166-1
_LAST4: Final = re.compile(r"[0-9]{4}")
_ECI: Final = re.compile(r"[0-9]{1,2}")
_LAST_COUNTER: Final = 0xFFFF  # two bytes (EMV book 3, tag 9F36)
_LONGEST_TEXT: Final = 100
# Twenty bytes in base64 (28 characters) or in hexadecimal (40), and what lies between: RuPay's are longer than others'.
_CRYPTOGRAM: Final = re.compile(r"[A-Za-z0-9+/=_-]{28,40}")
_GRANTED: Final = frozenset({TokenStatus.ACTIVE, TokenStatus.INACTIVE, TokenStatus.SUSPENDED})


def check_grant(request: ProvisionRequest, grant: TokenGrant, now: int) -> None:
    """Refuse a grant that is not a usable token for the card that was sent."""
    pan = request.card.pan.reveal()
    check_reference(grant.token_reference)
    _demand(pan not in grant.token_reference, "the card's number in a token reference")
    _check_token(grant.token_pan, grant.token_expiry, grant.network, now)
    _demand(grant.token_pan.reveal() != pan, "the card's own number for a token")
    _demand(network_of(pan) in {None, grant.network}, "a token of another network than the card's")
    _demand(grant.last4 == pan[-4:], "another card's last four digits")
    _demand(grant.par is None or bool(_PAR.fullmatch(grant.par)), "a PAR that cannot be one")
    _demand(bool(_TRID.fullmatch(grant.trid)), "a token requestor id that cannot be one")
    _demand(type(grant.network) is Network, "a network that does not exist")
    _demand(grant.status in _GRANTED, "a token that is already over")
    _demand(grant.at > 0, "a grant without its moment")
    _demand(grant.country is None or bool(_COUNTRY.fullmatch(grant.country)), "a country that cannot be one")
    _demand(all(map(is_text, (grant.issuer, grant.card_type, grant.card_sub_type))), "an issuer that cannot be shown")


def check_cryptogram(cryptogram: Cryptogram, now: int) -> None:
    """Refuse what cannot be a cryptogram or cannot be used any more. The vault compares its token."""
    _demand(bool(_CRYPTOGRAM.fullmatch(cryptogram.value.reveal())), "a cryptogram of a wrong size")
    _demand(cryptogram.expires_at > now, "an expired cryptogram")
    _demand(cryptogram.token_expiry.ends_at() > now, "a cryptogram for an expired token")
    _demand(cryptogram.atc is None or 0 <= cryptogram.atc <= _LAST_COUNTER, "a counter that cannot be one")
    _demand(cryptogram.eci is None or bool(_ECI.fullmatch(cryptogram.eci)), "an ECI that cannot be one")


def check_view(token_reference: str, view: TokenView, now: int) -> None:
    """Refuse the view of another token, or one whose number cannot be a token's."""
    _demand(view.token_reference == token_reference, "another token's status")
    _demand(type(view.status) is TokenStatus, "a status that does not exist")
    _demand(view.at > 0, "a view without its moment")
    if view.token_pan is not None and view.status is not TokenStatus.EXPIRED:
        _check_token(view.token_pan, view.token_expiry, view.network, now)


def check_result(result: LifecycleResult) -> None:
    """Refuse a status that cannot be one."""
    _demand(type(result.status) is TokenStatus, "a status that does not exist")
    _demand(result.suspended_by in {None, *Suspender}, "a suspender that does not exist")
    _demand(result.at > 0, "a status without its moment")


def check_event(event: TokenEvent, network: Network | None, now: int) -> None:
    """Refuse an event that cannot be true of a token of this network (None where the token is not known)."""
    check_reference(event.reference)
    _demand(event.at > 0, "an event without its moment")
    _demand(event.status is None or type(event.status) is TokenStatus, "a status that does not exist")
    _demand(event.suspended_by in {None, *Suspender}, "a suspender that does not exist")
    _demand(event.last4 is None or bool(_LAST4.fullmatch(event.last4)), "last digits that are not four")
    _demand(is_text(event.reason), "a reason that cannot be shown")
    _demand((event.token_pan is None) == (event.token_expiry is None), "a token's number without its expiry")
    if event.token_pan is not None and event.token_expiry is not None:
        _check_token(event.token_pan, event.token_expiry, network, now)


def check_reference(token_reference: str | None) -> None:
    """Refuse a token reference that cannot be one."""
    _demand(
        token_reference is None or bool(_REFERENCE.fullmatch(token_reference)), "a token reference that cannot be one"
    )


def _check_token(token_pan: NetworkToken, expiry: Expiry, network: Network | None, now: int) -> None:
    digits = token_pan.reveal()
    _demand(bool(_TOKEN_PAN.fullmatch(digits)), "a token of a wrong length")
    _demand(luhn_valid(digits), "a token with a wrong check digit")
    _demand(network is None or network_of(digits) in {None, network}, "a token that begins like another network's")
    _demand(expiry.ends_at() > now, "an expired token")


def is_text(text: str) -> bool:
    """Tell whether text may be stored in the clear and shown: short, printable, and without a card number."""
    return len(text) <= _LONGEST_TEXT and text.isprintable() and not holds_card_number(text)


def _demand(holds: bool, otherwise: str) -> None:  # noqa: FBT001  # it reads as a sentence
    if not holds:
        raise UnusableAnswerError(hint=f"the provider gave {otherwise}")
