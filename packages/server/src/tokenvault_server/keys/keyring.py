"""The unwrapped keys of a process: fetched once, checked, kept in memory, bounded in number.

A provider may be a network away, so no request asks it twice for one key, and callers that need the same key at the
same time share one answer. Python cannot wipe memory: `clear` drops the keys, it does not erase them.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Final, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from tokenvault_server.domain import randomness
from tokenvault_server.domain.keys import KeyChange, KeyState, NewKey, Purpose, WrappedKey
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import KeyUnavailableError
from tokenvault_server.keys.fields import framed
from tokenvault_server.keys.kek import KeyContext, KeyEncryptionKey
from tokenvault_server.keys.single_flight import SingleFlight

SEALING: Final = (Purpose.RECORD, Purpose.CARD, Purpose.CREDENTIAL, Purpose.IDEMPOTENCY)
"""The purposes whose keys wrap data keys. The others key a MAC, derive, or sign."""

RECORD_HEADER: Final = b"\x01\x01"
"""How every sealed record begins: format 1, suite 1 (AES-256-GCM in both layers)."""

CHECK_LABEL: Final = b"tokenvault key check value v1"
_AES_SIZES: Final = (16, 24, 32)

_WHO_MAKES_KEYS: Final = "`tokenvault init` makes a vault's keys, `tokenvault merchant add` a merchant's"


class KeySource(Protocol):
    """Where wrapped keys are stored."""

    async def of(self, purpose: Purpose, owner: str) -> list[WrappedKey]:
        """Return all keys of one purpose and owner."""
        ...

    async def by_id(self, key_id: int) -> WrappedKey | None:
        """Return one key, or None."""
        ...


class Key:
    """An unwrapped key, with what a sealed record needs of it computed once."""

    __slots__ = ("_gmac", "aead", "bound_id", "header", "key_id", "material", "owner", "purpose", "state", "version")

    def __init__(self, wrapped: WrappedKey, material: bytes) -> None:
        self.key_id = wrapped.key_id
        self.purpose = wrapped.purpose
        self.owner = wrapped.owner
        self.version = wrapped.version
        self.state = wrapped.state
        self.material = Secret(material)
        self.aead = AESGCM(material) if wrapped.purpose in SEALING else None
        self._gmac = AESGCM(material) if wrapped.purpose is Purpose.ROW else None
        key_id = wrapped.key_id.to_bytes(4, "big")
        self.header = RECORD_HEADER + key_id
        self.bound_id = framed(key_id)

    def __repr__(self) -> str:
        """Show which key it is, never its material."""
        return f"Key({self.key_id}, {self.purpose.value}, {self.owner!r}, version={self.version}, {self.state.value})"

    @property
    def gmac(self) -> AESGCM:
        """The cipher that authenticates rows, and encrypts nothing.

        Raises:
            KeyUnavailableError: this key serves another purpose.
        """
        if self._gmac is None:
            raise KeyUnavailableError(hint=f"key {self.key_id} serves '{self.purpose.value}', not 'row'")
        return self._gmac

    def material_for(self, *purposes: Purpose) -> bytes:
        """Return the material, for one of these purposes only: one key, one purpose (NIST SP 800-57 part 1, 5.2).

        Raises:
            KeyUnavailableError: this key serves another purpose.
        """
        if self.purpose not in purposes:
            wanted = " or ".join(f"'{purpose.value}'" for purpose in purposes)
            raise KeyUnavailableError(hint=f"key {self.key_id} serves '{self.purpose.value}', not {wanted}")
        return self.material.reveal()


class Keyring:
    """Holds the keys of one vault, each unwrapped at most once while it is in use."""

    def __init__(self, kek: KeyEncryptionKey, table: KeySource, vault_id: str, *, capacity: int = 4096) -> None:
        """Unwrap with `kek` what `table` stores; keep the `capacity` keys that were used last (about 3 kB each)."""
        self._kek = kek
        self._table = table
        self._vault_id = vault_id
        self._capacity = max(1, capacity)
        self._keys: OrderedDict[int, Key] = OrderedDict()
        self._active: dict[tuple[Purpose, str], int] = {}
        self._generation = 0
        self._unwraps: SingleFlight[WrappedKey, Key] = SingleFlight()

    async def active(self, purpose: Purpose, owner: str = "") -> Key:
        """Return the newest active key of a purpose and owner, which seals new records.

        Raises:
            KeyUnavailableError: there is none, or it does not unwrap.
        """
        key_id = self._active.get((purpose, owner))
        if key_id is not None:
            return self._touch(key_id)
        key = await self._load(lambda: self._newest_active(purpose, owner))
        if self._keys.get(key.key_id) is key:
            self._active[purpose, owner] = key.key_id
        return key

    async def by_id(self, key_id: int) -> Key:
        """Return the key that a sealed record names.

        Raises:
            KeyUnavailableError: it is unknown, destroyed, or does not unwrap.
        """
        return self.peek(key_id) or await self._load(lambda: self._row(key_id))

    def peek(self, key_id: int) -> Key | None:
        """Return the key if it is in memory, without waiting: for the path of every request."""
        return self._touch(key_id) if key_id in self._keys else None

    async def check(self, row: WrappedKey) -> None:
        """Unwrap a row of the key table without keeping the key.

        Raises:
            KeyUnavailableError: it does not unwrap, or does not match its check value.
        """
        await self._unwrap(row)

    async def make(
        self,
        purpose: Purpose,
        owner: str,
        *,
        version: int = 1,
        now: int,
        length: int = 32,
        material: bytes | None = None,
    ) -> NewKey:
        """Make a key and wrap it. Call this before the transaction that adds the key: the provider may be slow.

        Args:
            purpose: the only purpose that the key serves.
            owner: the merchant or network that it serves, or "" for the vault's own keys.
            version: one more than that of the owner's newest key of this purpose.
            now: microseconds since 1970.
            length: bytes of random material.
            material: what to wrap instead of random material, such as an issuer master key that was imported.
        """
        material = randomness.token_bytes(length) if material is None else material
        return NewKey(
            purpose=purpose,
            owner=owner,
            version=version,
            check_value=check_value(material),
            epoch=self._kek.epoch,
            wrapped=await self._kek.wrap(material, KeyContext(self._vault_id, purpose, owner, version)),
            created_at=now,
        )

    def apply_change(self, change: KeyChange) -> None:
        """Drop what a change of the table made untrue; do not keep the result of a fetch that is under way."""
        self._active.pop((change.purpose, change.owner), None)
        if change.state is not KeyState.ACTIVE:
            self._keys.pop(change.key_id, None)
        self._generation += 1

    def clear(self) -> None:
        """Drop every key, because states may have changed in the table; do not keep the result of a fetch under way."""
        self._keys.clear()
        self._active.clear()
        self._generation += 1

    async def _load(self, fetch: Callable[[], Awaitable[WrappedKey]]) -> Key:
        """Fetch a row and unwrap it; keep the key unless keys changed meanwhile."""
        generation = self._generation
        row = await fetch()
        key = await self._unwrapped(row)
        if generation == self._generation:
            self._keep(key)
            return key
        # Keys changed while the provider or the table was asked, and this one may have ended. So the row is read again,
        # until it is the one that was unwrapped; each further round takes a change of this very key.
        while (newer := await fetch()) != row:
            row, key = newer, await self._unwrapped(newer)
        return key

    async def _newest_active(self, purpose: Purpose, owner: str) -> WrappedKey:
        rows = [row for row in await self._table.of(purpose, owner) if row.state is KeyState.ACTIVE]
        if not rows:
            raise KeyUnavailableError(hint=f"there is no active '{purpose.value}' key; {_WHO_MAKES_KEYS}")
        return max(rows, key=lambda row: row.version)

    async def _row(self, key_id: int) -> WrappedKey:
        row = await self._table.by_id(key_id)
        if row is None:
            raise KeyUnavailableError(hint=f"key {key_id} is not in the key table")
        return row

    async def _unwrapped(self, row: WrappedKey) -> Key:
        if row.state is KeyState.DESTROYED:
            raise KeyUnavailableError(hint=f"key {row.key_id} was destroyed; what it sealed is gone for good")
        # Another caller may have unwrapped the same row while this one was reading it.
        held = self._keys.get(row.key_id)
        if held is not None and held.state is row.state:
            return held
        # Callers that read the same row share one unwrap. The row holds the state, so a caller that read the table
        # after a change never receives a key in its earlier state.
        return await self._unwraps.run(row, lambda: self._unwrap(row))

    async def _unwrap(self, row: WrappedKey) -> Key:
        context = KeyContext(self._vault_id, row.purpose, row.owner, row.version)
        material = await self._kek.unwrap(row.wrapped, context)
        if not secrets.compare_digest(check_value(material), row.check_value):
            raise KeyUnavailableError(hint=f"key {row.key_id} does not match its check value; restore the key table")
        return Key(row, material)

    def _touch(self, key_id: int) -> Key:
        self._keys.move_to_end(key_id)
        return self._keys[key_id]

    def _keep(self, key: Key) -> None:
        self._keys[key.key_id] = key
        self._keys.move_to_end(key.key_id)
        if len(self._keys) > self._capacity:
            _, oldest = self._keys.popitem(last=False)
            served = (oldest.purpose, oldest.owner)
            if self._active.get(served) == oldest.key_id:
                del self._active[served]


def check_value(material: bytes) -> bytes:
    """Return three bytes that show whether a key is the right one, and nothing else about it.

    AES-CMAC instead of the encryption of a zero block, as ANSI X9.24-1 (2017) has it for AES keys. Material of any
    other size, such as an RSA private key, is replaced by its SHA-256.
    """
    mac = CMAC(AES(material if len(material) in _AES_SIZES else sha256(material).digest()))
    mac.update(CHECK_LABEL)
    return mac.finalize()[:3]
