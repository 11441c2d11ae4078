"""Keys as they are stored: wrapped, with a purpose, a state and a check value. No key material is in here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Purpose(StrEnum):
    """What a key may be used for. A key has one purpose (NIST SP 800-57 part 1, 5.2)."""

    RECORD = "record"
    """Wraps the data keys of a merchant's sealed records."""
    INDEX = "index"
    """Keys the blind index over a merchant's token references."""
    INSTRUMENT_UID = "instrument_uid"
    """Makes `instrument_uid`. Never rotates, because merchants store its values."""
    IDEMPOTENCY = "idempotency"
    """Seals stored replies."""
    FINGERPRINT = "fingerprint"
    """Keys the fingerprints that compare calls under an idempotency key."""
    AUDIT = "audit"
    """Signs the checkpoints of the audit chains (Ed25519)."""
    API_SECRET = "api_secret"
    """Peppers the digests of API secrets."""
    CREDENTIAL = "credential"
    """Seals API secrets, which are needed again to sign webhooks."""
    ROW = "row"
    """Authenticates the rows that decide what a caller may do, and those that show a saved card."""
    BACKUP = "backup"
    """Authenticates one backup. Stored in the backup only, wrapped by the master key."""
    CLIENT_SIGNATURE = "client_signature"
    """Opens a merchant's `x-client-signature`: the private half of an RSA pair (PKCS #8, DER)."""
    CARD = "card"
    """Local token service: wraps the data keys of card records."""
    CARD_INDEX = "card_index"
    """Local token service: keys the lookups by card number and by token."""
    PAR = "par"
    """Local token service: makes payment account references."""
    ISSUER_MASTER = "issuer_master"
    """Local token service: the EMV issuer master key, one for each network."""


class KeyState(StrEnum):
    """The state of a key (NIST SP 800-57 part 1, 7)."""

    ACTIVE = "active"
    DECRYPT_ONLY = "decrypt_only"
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A wrapped key that is not stored yet: the transaction that adds it gives it an id. It is active."""

    purpose: Purpose
    owner: str
    version: int
    check_value: bytes
    epoch: str
    wrapped: bytes
    created_at: int


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """One row of the key table.

    `owner` is the merchant (or the network, for an issuer master key) that the key serves, empty for the vault's own
    keys. `epoch` names the version of the provider's master key that wrapped it.
    """

    key_id: int
    purpose: Purpose
    owner: str
    version: int
    state: KeyState
    check_value: bytes
    epoch: str
    wrapped: bytes
    created_at: int


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key that was added, retired or destroyed."""

    key_id: int
    purpose: Purpose
    owner: str
    state: KeyState
