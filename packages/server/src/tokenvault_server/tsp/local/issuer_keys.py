"""Issuer master keys by network and key index, with their ciphers set up once."""

from __future__ import annotations

from tokenvault_server.domain.keys import KeyState, Purpose
from tokenvault_server.keys.keyring import Key, Keyring, KeySource
from tokenvault_server.tsp.local.derivation import IssuerMasterKey


class IssuerKeys:
    """Finds the master key for a network's new cryptograms, and the master keys of earlier cryptograms.

    The key index in a cryptogram is the master key's version; a newer version is used from the next cryptogram on.
    """

    def __init__(self, keyring: Keyring, source: KeySource) -> None:
        """Use the issuer master keys of `keyring`, whose versions `source` lists."""
        self._keyring = keyring
        self._source = source
        self._by_key_id: dict[int, IssuerMasterKey] = {}

    async def newest(self, network: str) -> tuple[int, IssuerMasterKey]:
        """Return the key index and key for a new cryptogram."""
        key = await self._keyring.active(Purpose.ISSUER_MASTER, network)
        return key.version, self._by_key_id.get(key.key_id) or self._set_up(key)

    async def at(self, network: str, key_index: int) -> IssuerMasterKey | None:
        """Return the key with an index, or None when the network has no such key, or has it no longer."""
        rows = await self._source.of(Purpose.ISSUER_MASTER, network)
        usable = (row.key_id for row in rows if row.version == key_index and row.state is not KeyState.DESTROYED)
        key_id = next(usable, None)
        if key_id is None:
            return None
        return self._by_key_id.get(key_id) or self._set_up(await self._keyring.by_id(key_id))

    def _set_up(self, key: Key) -> IssuerMasterKey:
        master = IssuerMasterKey(key.material_for(Purpose.ISSUER_MASTER))
        self._by_key_id[key.key_id] = master
        return master
