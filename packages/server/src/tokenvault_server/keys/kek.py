"""The seam to the holder of the master key: two verbs, `wrap` and `unwrap`, and a context that both must agree on.

The master key wraps the vault's keys, never records. A process asks for it when a key is made, and when it needs a key
for the first time. A provider may be a network away, so every verb is asynchronous; a verb that computes for long does
so in a thread (docs/adr/0026).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tokenvault_server.domain.keys import Purpose
from tokenvault_server.keys.fields import framed


@dataclass(frozen=True, slots=True)
class KeyContext:
    """What a wrapped key is bound to, so that it cannot be exchanged for another one (PCI DSS 3.7.7).

    The key's id is not part of it: a key is wrapped before the transaction that gives it an id.
    """

    vault_id: str
    purpose: Purpose
    owner: str
    version: int

    def encode(self) -> bytes:
        """Return the context as associated data: each field after its length, the version in four bytes."""
        return framed(
            self.vault_id.encode(), self.purpose.value.encode(), self.owner.encode(), self.version.to_bytes(4, "big")
        )


class KeyEncryptionKey(Protocol):
    """A master key, wherever it is held."""

    @property
    def uri(self) -> str:
        """Where the master key is; it contains no secret."""
        ...

    @property
    def epoch(self) -> str:
        """The version of the master key that `wrap` uses now."""
        ...

    async def wrap(self, material: bytes, context: KeyContext) -> bytes:
        """Encrypt `material` so that only `unwrap` with the same context returns it.

        Raises:
            KeyProviderError: the master key cannot be used at this moment.
        """
        ...

    async def unwrap(self, wrapped: bytes, context: KeyContext) -> bytes:
        """Return the material.

        Raises:
            KeyUnavailableError: the master key is gone or another one, or the context differs.
            KeyProviderError: the master key cannot be used at this moment.
        """
        ...

    async def health(self) -> None:
        """Return when the master key can be used at this moment.

        Raises:
            KeyProviderError: it cannot.
        """
        ...
