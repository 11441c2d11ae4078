"""Exchange a card for its token. A card, merchant and customer have one token until it expires or is deleted."""

from __future__ import annotations

from tokenvault_server.domain.card import luhn_valid
from tokenvault_server.domain.identifiers import prefixed
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.errors import CardNotSupportedError, InvalidFieldError, TokenServiceUnavailableError
from tokenvault_server.keys.keyring import Key
from tokenvault_server.keys.packed import Packed, packed
from tokenvault_server.tsp.events import TokenStatus
from tokenvault_server.tsp.local import identifiers
from tokenvault_server.tsp.local.components import Components
from tokenvault_server.tsp.local.ranges import CardRange
from tokenvault_server.tsp.local.records import CardRecord
from tokenvault_server.tsp.local.tokens import NewToken, TokenRow
from tokenvault_server.tsp.provider import CardDetails, ProvisionRequest, TokenGrant

_ATTEMPTS = 20  # to draw a free random number; a range has millions, so it is full when all attempts fail


async def provision(components: Components, request: ProvisionRequest) -> TokenGrant:
    """Return the card's token; create it if there is none."""
    now = components.clock.now()
    served = _served(components, request.card, now)
    index_key = await components.keyring.active(Purpose.CARD_INDEX)
    card_index = identifiers.card_index(index_key, request.card.pan, request.merchant_id, request.customer_id)
    for _ in range(_ATTEMPTS):
        if row := await components.tokens.current(card_index, now):
            if grant := await _grant_again(components, request, served, row):
                return grant
        else:
            await _create(components, request, served, index_key)
    raise TokenServiceUnavailableError(hint=f"no free number among the tokens of {served.network.value}")


def _served(components: Components, card: CardDetails, now: int) -> CardRange:
    if not luhn_valid(card.pan.reveal()):
        raise InvalidFieldError("card_number", "has a wrong check digit")
    if card.expiry.ends_at() <= now:
        raise InvalidFieldError("card_expiry", "is in the past")
    if served := components.ranges.find(card.pan):
        return served
    raise CardNotSupportedError(hint="only test cards and configured card ranges are served")


async def _create(components: Components, request: ProvisionRequest, served: CardRange, index_key: Key) -> bool:
    """Try to store a new token with a random number.

    Return False when the number is taken, or when another call has just created the card's token.
    """
    now, policy, pan = components.clock.now(), components.policy, request.card.pan
    reference = prefixed("tok", now)
    token_pan = identifiers.new_token_pan(policy.token_prefixes[served.network], len(pan.reveal()))
    merchant_index = identifiers.merchant_index(index_key, request.merchant_id)
    trid = await components.tokens.trid(
        merchant_index, served.network, lambda: identifiers.new_trid(policy.provider_code)
    )
    record = _record(request, packed(token_pan.reveal()))
    token = NewToken(
        token_reference=reference,
        network=served.network,
        trid=trid,
        last4=pan.last4,
        token_expires_at=identifiers.expiry_after(now, policy.token_years).ends_at(),
        token_index=identifiers.token_index(index_key, token_pan),
        card_index=identifiers.card_index(index_key, pan, request.merchant_id, request.customer_id),
        sealed=await components.records.seal(record, reference, trid, row_version=1),
        enrolment_id=request.enrolment_id,
    )
    return await components.tokens.insert(token, now)


async def _grant_again(
    components: Components, request: ProvisionRequest, served: CardRange, row: TokenRow
) -> TokenGrant | None:
    """Return the grant of an existing token, or None when the token changed after it was read."""
    if row.sealed is None:
        return None
    record = await components.records.open(row, row.sealed)
    if record.card_expiry != request.card.expiry:
        # The card was renewed. The token stays the same, and its record gets the new month.
        renewed = _record(request, record.packed_token)
        sealed = await components.records.seal(renewed, row.token_reference, row.trid, row.row_version + 1)
        if not await components.tokens.reseal(row, sealed):
            return None
    return await _grant(components, served, row, record)


async def _grant(components: Components, served: CardRange, row: TokenRow, record: CardRecord) -> TokenGrant:
    par_key = await components.keyring.active(Purpose.PAR)
    return TokenGrant(
        token_reference=row.token_reference,
        token_pan=record.network_token,
        token_expiry=row.token_expiry,
        par=identifiers.par(par_key, record.card, components.policy.controllers[served.network]),
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


def _record(request: ProvisionRequest, packed_token: Packed) -> CardRecord:
    card = request.card
    return CardRecord(
        packed_pan=packed(card.pan.reveal()),
        card_year=card.expiry.year,
        card_month=card.expiry.month,
        packed_token=packed_token,
        merchant_id=request.merchant_id,
        customer_id=request.customer_id,
    )
