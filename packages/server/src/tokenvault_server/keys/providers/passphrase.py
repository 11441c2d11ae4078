"""A master key made from a passphrase. For development: a passphrase can be guessed, and this one cannot be rotated."""

from __future__ import annotations

import asyncio
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from tokenvault_server.domain.secret import Secret
from tokenvault_server.keys.kek import KeyContext
from tokenvault_server.keys.providers import wrapping
from tokenvault_server.keys.single_flight import SingleFlight

# scrypt (RFC 7914) at one of the costs that the OWASP Password Storage Cheat Sheet rates as equal: N=2^15, r=8, p=3.
# 32 MiB and about a quarter of a second, once for each process and vault. A change needs a new wrapped key format.
_COST: Final = 2**15
_BLOCK_SIZE: Final = 8
_PARALLELISM: Final = 3
_SALT_LABEL: Final = b"tokenvault passphrase v1:"
_VERSION: Final = 1


class PassphraseKek:
    """Wraps under a key that is derived from a passphrase and the vault's id."""

    uri = "passphrase:"
    epoch = str(_VERSION)

    def __init__(self, passphrase: Secret[str]) -> None:
        """Keep the passphrase; the first use of a vault derives its key."""
        self._passphrase = passphrase
        self._masters: dict[str, AESGCM] = {}
        self._derivations: SingleFlight[str, AESGCM] = SingleFlight()

    def __repr__(self) -> str:
        """Show the provider, nothing of the passphrase."""
        return "PassphraseKek()"

    async def wrap(self, material: bytes, context: KeyContext) -> bytes:
        """Encrypt `material` under the derived key."""
        return wrapping.wrap(await self._master(context.vault_id), self._header, material, context)

    async def unwrap(self, wrapped: bytes, context: KeyContext) -> bytes:
        """Return the material, if the passphrase is the one that wrapped it."""
        return wrapping.unwrap({self._header: await self._master(context.vault_id)}, wrapped, context)

    async def health(self) -> None:
        """Return at once: a passphrase in memory is always there."""

    _header: Final = wrapping.header(wrapping.PASSPHRASE, _VERSION)

    async def _master(self, vault_id: str) -> AESGCM:
        return self._masters.get(vault_id) or await self._derivations.run(vault_id, lambda: self._derive(vault_id))

    async def _derive(self, vault_id: str) -> AESGCM:
        # In a thread: scrypt releases the interpreter, and calls that need no master key go on meanwhile.
        master = AESGCM(await asyncio.to_thread(_derived, self._passphrase, vault_id))
        self._masters[vault_id] = master
        return master


def _derived(passphrase: Secret[str], vault_id: str) -> bytes:
    """Derive the master key: the vault's id is the salt, so that one passphrase gives every vault another key."""
    salt = _SALT_LABEL + vault_id.encode()
    scrypt = Scrypt(salt=salt, length=32, n=_COST, r=_BLOCK_SIZE, p=_PARALLELISM)
    return scrypt.derive(passphrase.reveal().encode(errors="surrogatepass"))
