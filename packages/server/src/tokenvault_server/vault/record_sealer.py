"""Seals what must stay secret and opens it again: the vault opens every record here."""

from __future__ import annotations

import hmac

import msgspec

from tokenvault_server.domain.identifiers import MerchantId, VaultId
from tokenvault_server.domain.instrument import Instrument
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.network_token import NetworkToken
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import SealBrokenError
from tokenvault_server.keys import api_secrets
from tokenvault_server.keys.blind_index import blind_index, instrument_uid
from tokenvault_server.keys.envelope import RecordLocation, seal
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.keys.opening import RecordOpener
from tokenvault_server.keys.packed import Packed, SealedStruct, packed, unpacked

_INSTRUMENT_SCHEMA = 1


class InstrumentSecrets(SealedStruct, frozen=True, array_like=True):
    """The sealed half of a saved card. Fields are stored by position: new ones go to the end, with a default."""

    packed_token: Packed
    token_expiry_month: int
    token_expiry_year: int
    par: str | None
    trid: str
    token_reference: str
    afa_reference: str
    consent_given_at: int
    consent_text_version: str

    @property
    def network_token(self) -> NetworkToken:
        """Return the token number, in a type whose repr shows stars."""
        return NetworkToken(unpacked(self.packed_token))

    def with_token(self, token: NetworkToken, expiry_month: int, expiry_year: int) -> InstrumentSecrets:
        """Return the same with the token's new number and expiry."""
        return msgspec.structs.replace(
            self, packed_token=packed(token.reveal()), token_expiry_month=expiry_month, token_expiry_year=expiry_year
        )


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(InstrumentSecrets).decode


class RecordSealer:
    """Seals and opens records with the keys of the merchants they belong to."""

    def __init__(self, keyring: Keyring, vault_id: VaultId) -> None:
        """Use the keys of one vault."""
        self._keyring = keyring
        self._vault_id = vault_id
        self.opener = RecordOpener(keyring)

    async def seal_instrument(self, instrument: Instrument, secrets: InstrumentSecrets) -> tuple[int, bytes]:
        """Return the key id and the sealed record of a saved card, bound to its location."""
        key = await self._keyring.active(Purpose.RECORD, instrument.merchant_id)
        return key.key_id, seal(key, self._location_of(instrument), _encode(secrets))

    async def open_instrument(self, instrument: Instrument) -> InstrumentSecrets:
        """Open a saved card's record; SealBrokenError if it was not sealed for this location."""
        sealed = instrument.sealed
        if sealed is None:
            raise SealBrokenError(hint="a tombstone has nothing sealed")
        return _decode(await self.opener.open(self._location_of(instrument), sealed))

    async def seal_text(self, merchant_id: MerchantId, record_type: str, record_id: str, text: str) -> bytes:
        """Seal a short text of a merchant, such as the token reference of an outbox task."""
        return await self.seal_octets(merchant_id, record_type, record_id, text.encode())

    async def open_text(self, merchant_id: MerchantId, record_type: str, record_id: str, sealed: bytes) -> str:
        """Open what `seal_text` sealed."""
        return (await self.open_octets(merchant_id, record_type, record_id, sealed)).decode()

    async def seal_octets(self, merchant_id: MerchantId, record_type: str, record_id: str, octets: bytes) -> bytes:
        """Seal a record of a merchant that another module encoded."""
        key = await self._keyring.active(Purpose.RECORD, merchant_id)
        return seal(key, self._location(merchant_id, record_type, record_id), octets)

    async def open_octets(self, merchant_id: MerchantId, record_type: str, record_id: str, sealed: bytes) -> bytes:
        """Open what `seal_octets` sealed."""
        return await self.opener.open(self._location(merchant_id, record_type, record_id), sealed)

    async def seal_credential(self, owner: str, secret_id: str, secret: Secret[str]) -> bytes:
        """Seal an API secret, which is needed again to sign webhooks."""
        key = await self._keyring.active(Purpose.CREDENTIAL)
        return seal(key, self._location(MerchantId(owner), "credential", secret_id), secret.reveal().encode())

    async def open_credential(self, owner: str, secret_id: str, sealed: bytes) -> Secret[str]:
        """Open what `seal_credential` sealed, to sign with it."""
        return Secret((await self.opener.open(self._location(owner, "credential", secret_id), sealed)).decode())

    async def seal_reply(self, merchant_id: MerchantId, idempotency_key: str, body: bytes) -> bytes:
        """Seal the answer to a call, for its repeats."""
        key = await self._keyring.active(Purpose.IDEMPOTENCY)
        return seal(key, self._location(merchant_id, "reply", idempotency_key), body)

    async def open_reply(self, merchant_id: MerchantId, idempotency_key: str, sealed: bytes) -> bytes:
        """Open what `seal_reply` sealed."""
        return await self.opener.open(self._location(merchant_id, "reply", idempotency_key), sealed)

    async def fingerprint(self, call: bytes, key_id: int | None = None) -> tuple[int, bytes]:
        """Return a keyed fingerprint of a call and its key's id, under the active key or that of an earlier call."""
        key = await (self._keyring.active(Purpose.FINGERPRINT) if key_id is None else self._keyring.by_id(key_id))
        return key.key_id, hmac.digest(key.material_for(Purpose.FINGERPRINT), call, "sha256")

    async def digest(self, secret: Secret[str]) -> bytes:
        """Return the peppered digest that recognises an API secret."""
        return api_secrets.digest(await self._keyring.active(Purpose.API_SECRET), secret)

    async def token_index(self, merchant_id: MerchantId, tsp_id: str, token_reference: str) -> bytes:
        """Return the keyed index under which saved cards that share a token are found.

        Two providers may use the same reference, so all but `local`, which came first, add their name.
        """
        key = await self._keyring.active(Purpose.INDEX, merchant_id)
        reference = token_reference if tsp_id == "local" else f"{tsp_id}\n{token_reference}"
        return blind_index(key, merchant_id, reference)

    async def instrument_uid(self, merchant_id: MerchantId, par: str | None) -> str:
        """Return the id that all saved cards of one card have at one merchant; empty where the PAR is not known."""
        if par is None:
            return ""
        key = await self._keyring.active(Purpose.INSTRUMENT_UID, merchant_id)
        return instrument_uid(key, merchant_id, par)

    def _location_of(self, instrument: Instrument) -> RecordLocation:
        return RecordLocation(
            self._vault_id,
            instrument.merchant_id,
            instrument.customer_id,
            instrument.instrument_id,
            "instrument",
            _INSTRUMENT_SCHEMA,
            instrument.row_version,
        )

    def _location(self, owner: str, record_type: str, record_id: str) -> RecordLocation:
        return RecordLocation(self._vault_id, owner, "", record_id, record_type, 1, 1)
