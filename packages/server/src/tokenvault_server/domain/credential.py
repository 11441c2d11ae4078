"""API secrets, partner and signature keys: what tells one from another, how they end, never what they are."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class CredentialKind(StrEnum):
    """Who signs in with it."""

    MERCHANT_SECRET = "merchant_secret"
    PARTNER_KEY = "partner_key"
    SIGNATURE_KEY = "signature_key"


class LiveCredential(NamedTuple):
    """What a caller may sign in with at this moment."""

    credential_id: str
    digest: bytes


class CredentialUse(NamedTuple):
    """Which credential was used; the key under which its last use is remembered."""

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
        """Tell whether it opens anything at a moment."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    def state(self, now: int) -> str:
        """Say in a word what became of it."""
        if self.revoked_at is not None:
            return "revoked"
        return "live" if self.is_live(now) else "expired"


@dataclass(frozen=True, slots=True)
class SignatureKey:
    """A merchant's pair for `x-client-signature` as operators may see it."""

    version: int
    is_live: bool
    created_at: int
    last_used_at: int | None
    """To the minute."""
