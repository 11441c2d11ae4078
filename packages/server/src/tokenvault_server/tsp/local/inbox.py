"""The local token service's inbox: keeps the issuer's changes until the vault has acknowledged them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from tokenvault_server.database.engine import Engine, Rows, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.card import Expiry
from tokenvault_server.domain.identifiers import MerchantId, prefixed
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.network_token import NetworkToken, TokenReference
from tokenvault_server.errors import VaultError
from tokenvault_server.keys.envelope import RecordLocation, seal
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.keys.opening import RecordOpener
from tokenvault_server.keys.packed import NOTHING, Packed, SealedStruct, unpacked
from tokenvault_server.tsp.events import InboxEvent, Suspender, TokenEvent, TokenStatus
from tokenvault_server.tsp.local.tokens import SQL, TokenChange

_RECORD_TYPE = "event"
_SCHEMA = 1


class EventDetails(SealedStruct, frozen=True, array_like=True):
    """The sealed part of an event. Fields are stored by position: new ones go to the end, with a default."""

    merchant_id: str
    reason: str
    packed_token: Packed = NOTHING
    token_year: int | None = None
    token_month: int | None = None
    last4: str | None = None

    @property
    def network_token(self) -> NetworkToken | None:
        """The token's new number, if it has one."""
        return None if self.packed_token == NOTHING else NetworkToken(unpacked(self.packed_token))


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(EventDetails).decode


@dataclass(frozen=True, slots=True, repr=False)
class NewEvent:
    """An event that is written together with its change."""

    event_id: str
    token_reference: TokenReference
    sealed: bytes
    has_status: bool


class Inbox:
    """Writes events and reads them back."""

    def __init__(self, engine: Engine, keyring: Keyring, opener: RecordOpener, vault_id: str) -> None:
        """Keep events in `engine`, sealed with the card keys of `keyring`."""
        self._engine = engine
        self._keyring = keyring
        self._opener = opener
        self._vault_id = vault_id

    async def prepare(
        self, token_reference: TokenReference, details: EventDetails, now: int, *, has_status: bool
    ) -> NewEvent:
        """Seal an event, ready to be written with its change."""
        event_id = prefixed("tev", now)
        key = await self._keyring.active(Purpose.CARD)
        sealed = seal(key, self._location(event_id), _ENCODE(details))
        return NewEvent(event_id, token_reference, sealed, has_status)

    async def change(self, changes: Sequence[Statement], event: NewEvent, error: VaultError) -> None:
        """Run statements and write their event in one transaction; raise `error` when the last one changes no row."""
        await self._engine.commit(lambda: _change(changes, event, error))

    async def events(self, after: str, limit: int) -> list[InboxEvent]:
        """Return up to `limit` events whose ids sort after `after`."""
        rows = await self._engine.read(SQL["list_events"](after=after, limit=limit))
        return [InboxEvent(row[0], await self._opened(*row)) for row in rows]

    async def check(self, event_id: str, sealed: bytes) -> None:
        """Return if the sealed part of an event opens.

        Raises:
            SealBrokenError: it was altered, or belongs to another event.
            KeyUnavailableError: its key cannot be used.
        """
        _DECODE(await self._opener.open(self._location(event_id), sealed))

    async def acknowledge(self, event_ids: Sequence[str]) -> None:
        """Delete events that the vault has applied."""
        await self._engine.commit(_deleting(event_ids))

    async def _opened(
        self, event_id: str, reference: str, at: int, status: str | None, suspended_by: str | None, sealed: bytes
    ) -> TokenEvent:
        details = _DECODE(await self._opener.open(self._location(event_id), sealed))
        has_expiry = details.token_year is not None and details.token_month is not None
        return TokenEvent(
            merchant_id=MerchantId(details.merchant_id),
            reference=reference,
            at=at,
            status=TokenStatus(status) if status else None,
            suspended_by=Suspender(suspended_by) if suspended_by else None,
            token_pan=details.network_token,
            token_expiry=Expiry(details.token_year or 0, details.token_month or 0) if has_expiry else None,
            last4=details.last4,
            reason=details.reason,
        )

    def _location(self, event_id: str) -> RecordLocation:
        return RecordLocation(self._vault_id, "", "", event_id, _RECORD_TYPE, _SCHEMA, 1)


def _change(changes: Sequence[Statement], event: NewEvent, error: VaultError) -> Work[None]:
    rows: Rows = []
    for statement in changes:
        rows = yield statement
    if not rows:
        raise error  # and so roll back what the earlier statements wrote
    change = TokenChange(*rows[0])
    yield SQL["insert_event"](
        event_id=event.event_id,
        token_reference=event.token_reference,
        at=change.changed_at,
        status=change.status if event.has_status else None,
        suspended_by=change.suspended_by if event.has_status else None,
        sealed=event.sealed,
    )


def _deleting(event_ids: Sequence[str]) -> Callable[[], Work[None]]:
    def body() -> Work[None]:
        for event_id in event_ids:
            yield SQL["delete_event"](event_id=event_id)

    return body
