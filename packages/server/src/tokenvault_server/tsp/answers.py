"""What a provider's answer must be like before anything of it is kept or passed on.

A provider may be wrong: its adapter has a bug, a proxy between mixes answers up, or somebody answers in its place. What
can be seen to be wrong is refused like no answer at all (502), and nothing of it is stored.
"""

from __future__ import annotations

import re
from typing import Final

from tokenvault_server.domain.card import luhn_valid
from tokenvault_server.domain.card_numbers import holds_card_number
from tokenvault_server.domain.network import Network, network_of
from tokenvault_server.errors import UnusableAnswerError
from tokenvault_server.tsp.provider import Cryptogram, ProvisionRequest, TokenGrant, TokenView

# Long random ids hold what looks like a card number now and then; a reference is sealed wherever it is kept.
_REFERENCE: Final = re.compile(r"[\x21-\x7e]{1,128}")
_TOKEN_PAN: Final = re.compile(r"[0-9]{13,19}")  # EMV Payment Tokenisation, data element "Payment Token"
_PAR: Final = re.compile(r"[0-9A-Z]{29}")  # EMVCo, PAR: four of the controller, 25 of its choice
_TRID: Final = re.compile(r"[0-9]{11}")  # EMV Payment Tokenisation: three of the provider, eight of the requestor
_COUNTRY: Final = re.compile(r"[A-Z]{2}")  # ISO 3166-1
_LAST_COUNTER: Final = 0xFFFF  # two bytes (EMV book 3, tag 9F36)
_LONGEST_TEXT: Final = 100
# Twenty bytes in base64, or in hexadecimal, and what lies between: RuPay's are longer than others'.
_CRYPTOGRAM: Final = re.compile(r"[A-Za-z0-9+/=_-]{28,40}")


def check_grant(request: ProvisionRequest, grant: TokenGrant, now: int) -> None:
    """Refuse a grant that is not a usable token for the card that was sent."""
    pan, token_pan = request.card.pan.reveal(), grant.token_pan.reveal()
    check_reference(grant.token_reference)
    _demand(pan not in grant.token_reference, "the card's number in a token reference")
    _demand(bool(_TOKEN_PAN.fullmatch(token_pan)), "a token of a wrong length")
    _demand(luhn_valid(token_pan), "a token with a wrong check digit")
    _demand(token_pan != pan, "the card's own number for a token")
    _demand(network_of(pan) in {None, grant.network}, "a token of another network than the card's")
    _demand(network_of(token_pan) in {None, grant.network}, "a token that begins like another network's")
    _demand(grant.last4 == pan[-4:], "another card's last four digits")
    _demand(grant.token_expiry.ends_at() > now, "an expired token")
    _demand(bool(_PAR.fullmatch(grant.par)), "a PAR that cannot be one")
    _demand(bool(_TRID.fullmatch(grant.trid)), "a token requestor id that cannot be one")
    _demand(type(grant.network) is Network, "a network that there is not")
    _demand(bool(_COUNTRY.fullmatch(grant.country)), "a country that cannot be one")
    _demand(all(map(_is_text, (grant.issuer, grant.card_type, grant.card_sub_type))), "an issuer that cannot be shown")


def check_cryptogram(cryptogram: Cryptogram, now: int) -> None:
    """Refuse what cannot be a cryptogram, or cannot be used any more; whose it is, the vault knows."""
    _demand(bool(_CRYPTOGRAM.fullmatch(cryptogram.value.reveal())), "a cryptogram of a wrong size")
    _demand(cryptogram.expires_at > now, "an expired cryptogram")
    _demand(cryptogram.token_expiry.ends_at() > now, "a cryptogram for an expired token")
    _demand(0 <= cryptogram.atc <= _LAST_COUNTER, "a counter that cannot be one")


def check_view(token_reference: str, view: TokenView) -> None:
    """Refuse a view of another token than was asked for."""
    _demand(view.token_reference == token_reference, "another token's status")


def check_reference(token_reference: str | None) -> None:
    """Refuse a token reference that cannot be one."""
    _demand(
        token_reference is None or bool(_REFERENCE.fullmatch(token_reference)), "a token reference that cannot be one"
    )


def _is_text(text: str) -> bool:
    return len(text) <= _LONGEST_TEXT and text.isprintable() and not holds_card_number(text)


def _demand(holds: bool, otherwise: str) -> None:  # noqa: FBT001  # it reads as a sentence
    if not holds:
        raise UnusableAnswerError(hint=f"the provider gave {otherwise}")
