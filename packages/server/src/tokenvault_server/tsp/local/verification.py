"""Verify a presented cryptogram: genuine, in time, for this merchant and amount, and presented for the first time."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import StrEnum

from tokenvault_server.domain.card import Expiry
from tokenvault_server.domain.clock import MINUTE, SECOND
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.network_token import NetworkToken, TokenRequestorId
from tokenvault_server.domain.secret import Secret
from tokenvault_server.tsp.local import cryptogram, identifiers
from tokenvault_server.tsp.local.components import Components
from tokenvault_server.tsp.local.cryptogram import Claims, Subject
from tokenvault_server.tsp.local.tokens import TokenRow
from tokenvault_server.tsp.provider import Amount

_SKEW = MINUTE  # the largest difference allowed between the clocks of two processes
_LONGEST_PAN = 19  # ISO/IEC 7812-1


class Outcome(StrEnum):
    """The result of a verification. Every value but `VERIFIED` means that the cryptogram was not accepted."""

    VERIFIED = "verified"
    MALFORMED = "malformed"
    """The text is not a cryptogram of this token service, or the token is not a number."""
    UNKNOWN_TOKEN = "unknown_token"  # not a password
    TOKEN_INACTIVE = "token_inactive"
    """The token is suspended, expired or deleted."""
    EXPIRED = "expired"
    FORGED = "forged"
    """The code does not match the token, its expiry, its requestor or the claims."""
    WRONG_MERCHANT = "wrong_merchant"
    """Genuine, but for another merchant."""
    WRONG_AMOUNT = "wrong_amount"
    """Genuine, but bound to another amount."""
    REPLAYED = "replayed"


@dataclass(frozen=True, slots=True)
class Presentation:
    """A cryptogram as a merchant presents it.

    A field that is None is not compared, except that a cryptogram bound to an amount needs this `amount`.
    """

    token_pan: NetworkToken
    cryptogram: Secret[str]
    merchant_id: str
    token_expiry: Expiry | None = None
    trid: TokenRequestorId | None = None
    amount: Amount | None = None


@dataclass(frozen=True, slots=True)
class _Origin:
    """The values that a genuine cryptogram was created with."""

    psn: int
    merchant_id: str
    amount: Amount | None


async def verify(components: Components, presentation: Presentation) -> Outcome:
    """Return the outcome; a verified cryptogram is used up. No input makes it raise."""
    parsed = cryptogram.decode(presentation.cryptogram.reveal())
    if parsed is None or not _is_number(presentation.token_pan.reveal()):
        return Outcome.MALFORMED
    claims, mac = parsed
    index_key = await components.keyring.active(Purpose.CARD_INDEX)
    row = await components.tokens.by_index(identifiers.token_index(index_key, presentation.token_pan))
    if row is None:
        return Outcome.UNKNOWN_TOKEN
    now = components.clock.now()
    if not row.is_active(now) or row.sealed is None:
        return Outcome.TOKEN_INACTIVE
    if not _is_timely(components, claims, now):
        return Outcome.EXPIRED
    origin = await _origin(components, row, row.sealed, claims, mac)
    if origin is None or not _fits(row, presentation):
        return Outcome.FORGED
    return _mismatch(origin, presentation) or await _use_up(components, row, claims, origin.psn)


async def _origin(components: Components, row: TokenRow, sealed: bytes, claims: Claims, mac: bytes) -> _Origin | None:
    """Return the values that the code was created with, or None when this token service did not create it."""
    master_key = await components.issuer_keys.at(row.network, claims.key_index)
    if master_key is None:
        return None
    record = await components.records.open(row, sealed)
    for psn in range(row.psn, max(row.psn - 2, -1), -1):  # the PSN may have advanced since then
        if psn == row.psn and claims.atc > row.atc:
            continue  # not issued yet, as far as this database knows: its counter was set back
        amount = await _bound_amount(components, row, claims, psn)
        subject = Subject(record.network_token, row.token_expiry.yymm, row.trid, record.merchant_id, amount)
        if hmac.compare_digest(cryptogram.code(master_key, psn, subject, claims), mac):
            return _Origin(psn, record.merchant_id, amount)
    return None


async def _bound_amount(components: Components, row: TokenRow, claims: Claims, psn: int) -> Amount | None:
    if not claims.flags & cryptogram.AMOUNT_BOUND:
        return None
    return await components.tokens.bound_amount(row.token_reference, psn, claims.atc)


def _mismatch(origin: _Origin, presentation: Presentation) -> Outcome | None:
    if presentation.merchant_id != origin.merchant_id:
        return Outcome.WRONG_MERCHANT
    if origin.amount is not None and presentation.amount != origin.amount:
        return Outcome.WRONG_AMOUNT
    return None


async def _use_up(components: Components, row: TokenRow, claims: Claims, psn: int) -> Outcome:
    """Record the presentation; of several at the same time, only one is verified."""
    now = components.clock.now()
    first = await components.tokens.present(row.token_reference, claims.key_index, psn, claims.atc, now)
    return Outcome.VERIFIED if first else Outcome.REPLAYED


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_PAN


def _is_timely(components: Components, claims: Claims, now: int) -> bool:
    issued_at = cryptogram.issued_at(claims.issue_minute, now)
    return issued_at - _SKEW <= now < issued_at + components.policy.cryptogram_seconds * SECOND


def _fits(row: TokenRow, presentation: Presentation) -> bool:
    """Return whether the presented expiry and requestor id, if any, are the token's."""
    return presentation.token_expiry in {None, row.token_expiry} and presentation.trid in {None, row.trid}
