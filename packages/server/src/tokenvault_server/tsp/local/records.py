"""Card records: only they contain card numbers. They are sealed and bound to the row of their token."""

from __future__ import annotations

import msgspec

from tokenvault_server.domain.card import Expiry, Pan
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.network_token import NetworkToken, TokenReference, TokenRequestorId
from tokenvault_server.keys.envelope import RecordLocation, seal
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.keys.opening import RecordOpener
from tokenvault_server.keys.packed import Packed, SealedStruct, unpacked
from tokenvault_server.tsp.local.tokens import TokenRow

_RECORD_TYPE = "card"
_SCHEMA = 1


class CardRecord(SealedStruct, frozen=True, array_like=True):
    """A card, its token number, its merchant and customer. Fields are stored by position: new ones go to the end."""

    packed_pan: Packed
    card_year: int
    card_month: int
    packed_token: Packed
    merchant_id: str
    customer_id: str

    @property
    def card(self) -> Pan:
        """The card number, in a type whose repr shows stars."""
        return Pan(unpacked(self.packed_pan))

    @property
    def card_expiry(self) -> Expiry:
        return Expiry(self.card_year, self.card_month)

    @property
    def network_token(self) -> NetworkToken:
        """The token number, in a type whose repr shows stars."""
        return NetworkToken(unpacked(self.packed_token))


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(CardRecord).decode


class CardRecords:
    """Seals and opens card records of one token service."""

    def __init__(self, keyring: Keyring, opener: RecordOpener, vault_id: str) -> None:
        """Use the card keys of `keyring`."""
        self._keyring = keyring
        self._vault_id = vault_id
        self._opener = opener

    async def seal(
        self, record: CardRecord, token_reference: TokenReference, trid: TokenRequestorId, row_version: int
    ) -> bytes:
        """Return the record, sealed for one version of one row."""
        key = await self._keyring.active(Purpose.CARD)
        return seal(key, self._location(token_reference, trid, row_version), _ENCODE(record))

    async def open(self, row: TokenRow, sealed: bytes) -> CardRecord:
        """Return the opened record of a row.

        Raises:
            SealBrokenError: the record was altered, or belongs to another row.
        """
        location = self._location(row.token_reference, row.trid, row.row_version)
        return _DECODE(await self._opener.open(location, sealed))

    def _location(self, token_reference: TokenReference, trid: TokenRequestorId, row_version: int) -> RecordLocation:
        # The requestor's id takes the place of the merchant id, which this database does not store in the clear.
        return RecordLocation(self._vault_id, trid, "", token_reference, _RECORD_TYPE, _SCHEMA, row_version)
