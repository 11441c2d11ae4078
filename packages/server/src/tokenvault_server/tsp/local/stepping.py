"""Makes a restored token service safe to use: no counter value and no key of the time after the backup comes back.

The vault that the backup is of may have gone on issuing cryptograms, and so may another vault that was restored from
the same backup. Neither can be asked. So a restore changes two things (docs/adr/0034):

1. Every token begins a later sequence number (PSN), at least two further. The original reaches it only after 65,535
   more cryptograms for one token. How much further, and at which counter (ATC) it begins, is random, so that two
   restores of one backup hardly ever begin at the same place.
2. Each network gets a new random issuer master key, and the old ones are destroyed. So even two restores that begin at
   the same place never derive the same session key, and cryptograms from before the restore are refused: whether they
   were presented after the backup is not known.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from typing import Final

from tokenvault_server.database import key_table
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.domain.keys import KeyState, NewKey, Purpose, WrappedKey
from tokenvault_server.domain.network import Network
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.tsp.local.tokens import SQL

SMALLEST_STEP: Final = 2
LARGEST_STEP: Final = 9
_FIRST_ATCS: Final = 2**15
"""A sequence number begins in the lower half of its 65,535 values."""


@dataclass(frozen=True, slots=True)
class Name:
    """The row that names a store."""

    vault_id: str
    created_at: int
    key_changes: int


@dataclass(frozen=True, slots=True)
class Step:
    """How far every counter of a restored vault is stepped."""

    psn: int
    """How many sequence numbers further a token begins."""
    atc: int
    """The counter value that it begins after."""

    async def take(self, engine: Engine, keyring: Keyring, name: Name, now: int) -> int:
        """Step every counter, replace the issuer master keys and name the store, in one transaction.

        Returns the number of tokens that have no sequence number left: they issue no cryptogram any more.
        """
        table = KeyTable(engine)
        old = [key for network in Network for key in await table.of(Purpose.ISSUER_MASTER, network.value)]
        new = await asyncio.gather(*(_successor(keyring, old, network, now) for network in Network))
        return await engine.commit_exclusive(lambda: self._take(name, old, new))

    def _take(self, name: Name, old: list[WrappedKey], new: list[NewKey]) -> Work[int]:
        yield from key_table.name_again(name.vault_id, name.created_at, name.key_changes)
        for key in old:
            if key.state is not KeyState.DESTROYED:
                yield from key_table.destroy(key)
        yield from key_table.add_keys(new)
        exhausted: int = (yield SQL["count_exhausted"](step=self.psn))[0][0]
        yield SQL["step"](step=self.psn, atc=self.atc)
        return exhausted


def draw() -> Step:
    """Return a random step."""
    psn = SMALLEST_STEP + secrets.randbelow(LARGEST_STEP - SMALLEST_STEP + 1)
    return Step(psn, secrets.randbelow(_FIRST_ATCS))


async def _successor(keyring: Keyring, old: list[WrappedKey], network: Network, now: int) -> NewKey:
    """Return the next master key of a network."""
    version = 1 + max((key.version for key in old if key.owner == network.value), default=0)
    return await keyring.make(Purpose.ISSUER_MASTER, network.value, version=version, now=now)
