"""Actions that an issuer takes on its own: suspend, resume, extend or delete a token, change its number or its card.

No caller of the vault's API reaches these actions. Each changes the token and writes an event for the vault in one
transaction.
"""

from __future__ import annotations

from tokenvault_server.domain.card import Expiry, Pan, luhn_valid
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.network import Network
from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.errors import InstrumentInactiveError, InvalidFieldError, StaleReadError, UnusableAnswerError
from tokenvault_server.keys.packed import packed
from tokenvault_server.tsp.events import TokenStatus
from tokenvault_server.tsp.local import identifiers
from tokenvault_server.tsp.local.components import Components
from tokenvault_server.tsp.local.inbox import EventDetails
from tokenvault_server.tsp.local.records import CardRecord
from tokenvault_server.tsp.local.tokens import SQL, TokenRow

_ATTEMPTS = 20  # to draw a free random number; a range has millions


class IssuerActions:
    """The issuer's side of the local token service."""

    def __init__(self, components: Components) -> None:
        """Act on the tokens of one local token service."""
        self._components = components

    async def suspend(self, reference: TokenReference, reason: str = "suspended by the issuer") -> None:
        """Suspend a token. Only `resume` ends this suspension, not the requestor."""
        await self._set_suspended(reference, reason, suspended=True)

    async def resume(self, reference: TokenReference, reason: str = "resumed by the issuer") -> None:
        """End the issuer's suspension. A suspension by the requestor stays."""
        await self._set_suspended(reference, reason, suspended=False)

    async def deactivate(self, reference: TokenReference, reason: str = "ended by the issuer") -> None:
        """Delete a token permanently."""
        row, record = await self._usable(reference)
        details = EventDetails(record.merchant_id, reason)
        event = await self._components.inbox.prepare(reference, details, self._components.clock.now(), has_status=True)
        delete = SQL["delete_token"](token_reference=row.token_reference, now=self._components.clock.now())
        await self._components.inbox.change([delete], event, InstrumentInactiveError())

    async def expire(self, reference: TokenReference, reason: str = "expired at the issuer") -> None:
        """Expire a token before its time. It cannot be used again; its card can get a new one."""
        row, record = await self._usable(reference)
        now = self._components.clock.now()
        details = EventDetails(record.merchant_id, reason)
        event = await self._components.inbox.prepare(reference, details, now, has_status=True)
        expire = SQL["expire_now"](token_reference=row.token_reference, now=now)
        await self._components.inbox.change([expire], event, InstrumentInactiveError())

    async def replace_card(self, reference: TokenReference, pan: Pan, expiry: Expiry) -> None:
        """Replace the card of a token. The token keeps its number, and the card's last four digits change.

        Raises:
            InvalidFieldError: the number fails its check digit, is of another network, or has a token of its own.
        """
        row, record = await self._usable(reference)
        served = self._components.ranges.find(pan)
        if not luhn_valid(pan.reveal()) or served is None or served.network != row.network:
            raise InvalidFieldError("card_number")
        card_index = await self._card_index(pan, record)
        current = await self._components.tokens.current(card_index, self._components.clock.now())
        if current is not None and current.token_reference != reference:
            raise InvalidFieldError("card_number", "has a token of its own")
        new = CardRecord(
            packed(pan.reveal()), expiry.year, expiry.month, record.packed_token, record.merchant_id, record.customer_id
        )
        details = EventDetails(record.merchant_id, "the card was replaced", last4=pan.last4)
        await self._replace(row, new, row.token_expires_at, details)

    async def extend(self, reference: TokenReference, expiry: Expiry) -> None:
        """Extend a token to a later expiry."""
        row, record = await self._usable(reference)
        if expiry.ends_at() <= self._components.clock.now():
            raise InvalidFieldError("token_expiry", "is in the past")
        details = EventDetails(
            record.merchant_id, "the token was extended", record.packed_token, expiry.year, expiry.month
        )
        await self._replace(row, record, expiry.ends_at(), details)

    async def rotate(self, reference: TokenReference) -> None:
        """Change the number of a token. The former number is never used again."""
        row, record = await self._usable(reference)
        new_token = packed(await self._free_number(row, len(record.network_token.reveal())))
        new = CardRecord(
            record.packed_pan,
            record.card_year,
            record.card_month,
            new_token,
            record.merchant_id,
            record.customer_id,
        )
        expiry = row.token_expiry
        details = EventDetails(record.merchant_id, "the token number was changed", new_token, expiry.year, expiry.month)
        await self._replace(row, new, row.token_expires_at, details, is_new_number=True)

    async def _set_suspended(self, reference: TokenReference, reason: str, *, suspended: bool) -> None:
        _, record = await self._usable(reference)
        now = self._components.clock.now()
        details = EventDetails(record.merchant_id, reason)
        event = await self._components.inbox.prepare(reference, details, now, has_status=True)
        change = SQL["suspend_by_issuer"](token_reference=reference, suspended=int(suspended), now=now)
        await self._components.inbox.change([change], event, InstrumentInactiveError())

    async def _replace(
        self,
        row: TokenRow,
        record: CardRecord,
        expires_at: int,
        details: EventDetails,
        *,
        is_new_number: bool = False,
    ) -> None:
        """Write a new record of a token, and the event that reports it.

        Raises:
            StaleReadError: the token has changed since it was read.
        """
        components, now, reference = self._components, self._components.clock.now(), row.token_reference
        index_key = await components.keyring.active(Purpose.CARD_INDEX)
        event = await components.inbox.prepare(reference, details, now, has_status=False)
        replace = SQL["replace_card"](
            token_reference=reference,
            row_version=row.row_version,
            sealed=await components.records.seal(record, reference, row.trid, row.row_version + 1),
            last4=record.card.last4,
            token_expires_at=expires_at,
            token_index=identifiers.token_index(index_key, record.network_token),
            card_index=await self._card_index(record.card, record),
            now=now,
        )
        keep = SQL["keep_former_number"](token_reference=reference)
        changes = [keep, replace] if is_new_number else [replace]
        await components.inbox.change(
            changes, event, StaleReadError(hint="the token changed while its issuer changed it")
        )

    async def _usable(self, reference: TokenReference) -> tuple[TokenRow, CardRecord]:
        """Return a token that is neither deleted nor expired, with its record."""
        row = await self._components.tokens.by_reference(reference)
        if row is None:
            raise UnusableAnswerError(hint="the token service does not know this token")
        ended = row.status == TokenStatus.EXPIRED or row.token_expires_at <= self._components.clock.now()
        if row.sealed is None or ended:
            raise InstrumentInactiveError
        return row, await self._components.records.open(row, row.sealed)

    async def _card_index(self, pan: Pan, record: CardRecord) -> bytes:
        index_key = await self._components.keyring.active(Purpose.CARD_INDEX)
        return identifiers.card_index(index_key, pan, record.merchant_id, record.customer_id)

    async def _free_number(self, row: TokenRow, length: int) -> str:
        index_key = await self._components.keyring.active(Purpose.CARD_INDEX)
        prefix = self._components.policy.token_prefixes[Network(row.network)]
        for _ in range(_ATTEMPTS):
            token_pan = identifiers.new_token_pan(prefix, length)
            if await self._components.tokens.is_free(identifiers.token_index(index_key, token_pan)):
                return token_pan.reveal()
        raise StaleReadError(hint=f"no free number among the tokens of {row.network}")
