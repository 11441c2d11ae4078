"""Whether a presented cryptogram is genuine, in time, for this merchant and sum, and presented for the first time."""

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
from tokenvault_server.tsp.local.cryptogram import Claims, Subject
from tokenvault_server.tsp.local.parts import Parts
from tokenvault_server.tsp.local.tokens import TokenRow
from tokenvault_server.tsp.provider import Amount

_SKEW = MINUTE  # between the clocks of two processes
_LONGEST_PAN = 19  # ISO/IEC 7812-1


class Outcome(StrEnum):
    """What came of a verification; everything but the first is a refusal."""

    VERIFIED = "verified"
    MALFORMED = "malformed"
    """It is not a cryptogram of ours, or the token is no number."""
    UNKNOWN_TOKEN = "unknown_token"  # a word, not a secret
    TOKEN_INACTIVE = "token_inactive"
    """The token is suspended, expired or deleted."""
    EXPIRED = "expired"
    FORGED = "forged"
    """The code does not fit the token, its expiry, its requestor or the claims."""
    WRONG_MERCHANT = "wrong_merchant"
    """Genuine, but made for another merchant."""
    WRONG_AMOUNT = "wrong_amount"
    """Genuine, but bound to another sum."""
    REPLAYED = "replayed"


@dataclass(frozen=True, slots=True)
class Presented:
    """A cryptogram as a merchant presents it. What is None is not compared, except a sum that the cryptogram binds."""

    token_pan: NetworkToken
    cryptogram: Secret[str]
    merchant_id: str
    token_expiry: Expiry | None = None
    trid: TokenRequestorId | None = None
    amount: Amount | None = None


@dataclass(frozen=True, slots=True)
class _Origin:
    """What a genuine cryptogram was made with."""

    psn: int
    merchant_id: str
    amount: Amount | None


async def verify(parts: Parts, presented: Presented) -> Outcome:
    """Give the outcome; a verified cryptogram is used up. No input makes it raise."""
    parsed = cryptogram.decode(presented.cryptogram.reveal())
    if parsed is None or not _is_number(presented.token_pan.reveal()):
        return Outcome.MALFORMED
    claims, mac = parsed
    index_key = await parts.keyring.active(Purpose.CARD_INDEX)
    row = await parts.tokens.by_index(identifiers.token_index(index_key, presented.token_pan))
    if row is None:
        return Outcome.UNKNOWN_TOKEN
    now = parts.clock.now()
    if not row.is_active(now) or row.sealed is None:
        return Outcome.TOKEN_INACTIVE
    if not _is_timely(parts, claims, now):
        return Outcome.EXPIRED
    origin = await _origin(parts, row, row.sealed, claims, mac)
    if origin is None or not _fits(row, presented):
        return Outcome.FORGED
    return _refusal(origin, presented) or await _use_up(parts, row, claims, origin.psn)


async def _origin(parts: Parts, row: TokenRow, sealed: bytes, claims: Claims, mac: bytes) -> _Origin | None:
    """Give what the code was made with, or None when we did not make it."""
    master_key = await parts.issuer_keys.at(row.network, claims.key_index)
    if master_key is None:
        return None
    record = await parts.records.open(row, sealed)
    for psn in range(row.psn, max(row.psn - 2, -1), -1):  # the counter may have stepped since the cryptogram was made
        amount = await _bound_amount(parts, row, claims, psn)
        subject = Subject(record.token_pan, row.token_expiry.yymm, row.trid, record.merchant_id, amount)
        if hmac.compare_digest(cryptogram.code(master_key, psn, subject, claims), mac):
            return _Origin(psn, record.merchant_id, amount)
    return None


async def _bound_amount(parts: Parts, row: TokenRow, claims: Claims, psn: int) -> Amount | None:
    if not claims.flags & cryptogram.AMOUNT_BOUND:
        return None
    return await parts.tokens.bound_amount(row.token_reference, psn, claims.atc)


def _refusal(origin: _Origin, presented: Presented) -> Outcome | None:
    if presented.merchant_id != origin.merchant_id:
        return Outcome.WRONG_MERCHANT
    if origin.amount is not None and presented.amount != origin.amount:
        return Outcome.WRONG_AMOUNT
    return None


async def _use_up(parts: Parts, row: TokenRow, claims: Claims, psn: int) -> Outcome:
    """Note the presentation; of several at the same moment, one alone is verified."""
    now = parts.clock.now()
    first = await parts.tokens.present(row.token_reference, claims.key_index, psn, claims.atc, now)
    return Outcome.VERIFIED if first else Outcome.REPLAYED


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _LONGEST_PAN


def _is_timely(parts: Parts, claims: Claims, now: int) -> bool:
    issued_at = cryptogram.issued_at(claims.issue_minute, now)
    return issued_at - _SKEW <= now < issued_at + parts.policy.cryptogram_seconds * SECOND


def _fits(row: TokenRow, presented: Presented) -> bool:
    """Tell whether what was presented beside the token is what the code vouches for."""
    return presented.token_expiry in {None, row.token_expiry} and presented.trid in {None, row.trid}
