"""API secrets, partner keys and signature keys: their ids, kinds and times, never their values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class CredentialKind(StrEnum):
    """The kind of a credential."""

    MERCHANT_SECRET = "merchant_secret"
    PARTNER_KEY = "partner_key"
    SIGNATURE_KEY = "signature_key"


class StoredCredential(NamedTuple):
    """A merchant's secret or a partner's key as it is stored, without its text."""

    kind: CredentialKind
    owner: str
    credential_id: str
    digest: bytes
    """What calls are checked against."""
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None
    """To the minute."""

    def shown(self) -> Credential:
        """Return what operators may see of it."""
        return Credential(self.credential_id, self.created_at, self.last_used_at, self.expires_at, self.revoked_at)


class CredentialUse(NamedTuple):
    """The identity of a credential, under which its last use is stored."""

    kind: CredentialKind
    owner: str
    credential_id: str


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret or a key as operators may see it."""

    credential_id: str
    created_at: int
    last_used_at: int | None
    """To the minute."""
    expires_at: int | None
    revoked_at: int | None

    def is_live(self, now: int) -> bool:
        """Return whether the credential is valid at a moment."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    def state(self, now: int) -> str:
        """Return `live`, `expired` or `revoked`."""
        if self.revoked_at is not None:
            return "revoked"
        return "live" if self.is_live(now) else "expired"


@dataclass(frozen=True, slots=True)
class SignatureKey:
    """A merchant's key pair for `x-client-signature` as operators may see it."""

    version: int
    is_live: bool
    created_at: int
    last_used_at: int | None
    """To the minute."""
