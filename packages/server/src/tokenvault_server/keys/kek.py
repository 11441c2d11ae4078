"""The seam to whoever holds the master key: two verbs, `wrap` and `unwrap`, and a context that both must agree on.

The master key wraps the vault's keys, never records: it is asked when a key is made and when a process first needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tokenvault_server.domain.keys import Purpose
from tokenvault_server.keys.fields import framed


@dataclass(frozen=True, slots=True)
class KeyContext:
    """What a wrapped key is bound to, so that it cannot stand in for another one (PCI DSS 3.7.7)."""

    vault_id: str
    purpose: Purpose
    owner: str
    version: int

    def encode(self) -> bytes:
        """The context as associated data: each field after its length, the version in four bytes."""
        return framed(
            self.vault_id.encode(), self.purpose.value.encode(), self.owner.encode(), self.version.to_bytes(4, "big")
        )


class KeyEncryptionKey(Protocol):
    """A master key, wherever it lives."""

    @property
    def uri(self) -> str:
        """Where the master key is; there is no secret in it."""
        ...

    @property
    def epoch(self) -> str:
        """The version of the master key that `wrap` uses now."""
        ...

    def wrap(self, material: bytes, context: KeyContext) -> bytes:
        """Encrypt `material` so that only `unwrap` with the same context gives it back."""
        ...

    def unwrap(self, wrapped: bytes, context: KeyContext) -> bytes:
        """Give the material back.

        Raises:
            KeyUnavailableError: if the master key is gone, is another one, or the context differs.
        """
        ...

    def health(self) -> None:
        """Return when the master key could be used at this moment.

        Raises:
            KeyProviderError: if it could not.
        """
        ...
