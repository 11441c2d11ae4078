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


class LiveCredential(NamedTuple):
    """A credential that is valid at this moment, with the digest that calls are checked against."""

    credential_id: str
    digest: bytes


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
