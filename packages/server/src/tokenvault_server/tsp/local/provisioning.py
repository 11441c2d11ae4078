"""From a card to its token: one token for a card, merchant and customer, for as long as it lives."""

from __future__ import annotations

from tokenvault_server.domain.card import luhn_valid
from tokenvault_server.domain.identifiers import prefixed
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.errors import CardNotSupportedError, InvalidFieldError, TokenServiceUnavailableError
from tokenvault_server.keys.keyring import Key
from tokenvault_server.tsp.events import TokenStatus
from tokenvault_server.tsp.local import identifiers
from tokenvault_server.tsp.local.parts import Parts
from tokenvault_server.tsp.local.ranges import CardRange
from tokenvault_server.tsp.local.records import CardRecord
from tokenvault_server.tsp.local.tokens import NewToken, TokenRow
from tokenvault_server.tsp.provider import CardDetails, ProvisionRequest, TokenGrant

_ATTEMPTS = 20  # of random numbers in a range of millions: failing all of them means that the range is full


async def provision(parts: Parts, request: ProvisionRequest) -> TokenGrant:
    """Give the card's token, made now if it has none."""
    now = parts.clock.now()
    served = _served(parts, request.card, now)
    index_key = await parts.keyring.active(Purpose.CARD_INDEX)
    card_index = identifiers.card_index(index_key, request.card.pan, request.merchant_id, request.customer_id)
    for _ in range(_ATTEMPTS):
        if row := await parts.tokens.living(card_index, now):
            if granted := await _grant_again(parts, request, served, row):
                return granted
        else:
            await _make(parts, request, served, index_key)
    raise TokenServiceUnavailableError(hint=f"no free number among the tokens of {served.network.value}")


def _served(parts: Parts, card: CardDetails, now: int) -> CardRange:
    if not luhn_valid(card.pan.reveal()):
        raise InvalidFieldError("card_number")
    if card.expiry.ends_at() <= now:
        raise InvalidFieldError("card_expiry", "is in the past")
    if served := parts.ranges.find(card.pan):
        return served
    raise CardNotSupportedError(hint="only test cards are served, and ranges that were configured")


async def _make(parts: Parts, request: ProvisionRequest, served: CardRange, index_key: Key) -> bool:
    """Try to keep a new token with a random number; False when it is taken, or when somebody else just made one."""
    now, policy, pan = parts.clock.now(), parts.policy, request.card.pan
    reference = prefixed("tok", now)
    token_pan = identifiers.new_token_pan(policy.token_prefixes[served.network], len(pan.reveal()))
    merchant_index = identifiers.merchant_index(index_key, request.merchant_id)
    trid = await parts.tokens.trid(merchant_index, served.network, lambda: identifiers.new_trid(policy.provider_code))
    record = _record(request, token_pan.reveal())
    token = NewToken(
        token_reference=reference,
        network=served.network,
        trid=trid,
        last4=pan.last4,
        token_expires_at=identifiers.expiry_after(now, policy.token_years).ends_at(),
        token_index=identifiers.token_index(index_key, token_pan),
        card_index=identifiers.card_index(index_key, pan, request.merchant_id, request.customer_id),
        sealed=await parts.records.seal(record, reference, trid, row_version=1),
        enrolment_id=request.enrolment_id,
    )
    return await parts.tokens.insert(token, now)


async def _grant_again(parts: Parts, request: ProvisionRequest, served: CardRange, row: TokenRow) -> TokenGrant | None:
    """Give the grant of a token that exists; None when it changed while we looked."""
    if row.sealed is None:
        return None
    record = await parts.records.open(row, row.sealed)
    if record.card_expiry != request.card.expiry:
        # The card was renewed: the token stays (it outlives cards), its record keeps the new month.
        renewed = _record(request, record.token_pan)
        sealed = await parts.records.seal(renewed, row.token_reference, row.trid, row.row_version + 1)
        if not await parts.tokens.reseal(row, sealed):
            return None
    return await _grant(parts, served, row, record)


async def _grant(parts: Parts, served: CardRange, row: TokenRow, record: CardRecord) -> TokenGrant:
    par_key = await parts.keyring.active(Purpose.PAR)
    return TokenGrant(
        token_reference=row.token_reference,
        token_pan=record.network_token,
        token_expiry=row.token_expiry,
        par=identifiers.par(par_key, record.card, parts.policy.controllers[served.network]),
        trid=row.trid,
        network=served.network,
        last4=row.last4,
        issuer=served.issuer,
        country=served.country,
        card_type=served.card_type,
        card_sub_type=served.card_sub_type,
        at=row.changed_at,
        status=TokenStatus(row.status),
    )


def _record(request: ProvisionRequest, token_pan: str) -> CardRecord:
    card = request.card
    return CardRecord(
        pan=card.pan.reveal(),
        card_year=card.expiry.year,
        card_month=card.expiry.month,
        token_pan=token_pan,
        merchant_id=request.merchant_id,
        customer_id=request.customer_id,
    )
