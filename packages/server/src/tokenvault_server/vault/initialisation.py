"""The initialisation of a vault: its schema, its name and its own keys."""

from __future__ import annotations

import asyncio

from tokenvault_server.database import key_table
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.database.migrate import migrate
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import VaultId, prefixed
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.keys.kek import KeyEncryptionKey
from tokenvault_server.keys.keyring import Keyring

SCHEMA = "tokenvault_server.store"
OWN_KEYS = (
    Purpose.AUDIT,
    Purpose.API_SECRET,
    Purpose.CREDENTIAL,
    Purpose.IDEMPOTENCY,
    Purpose.FINGERPRINT,
    Purpose.ROW,
)
"""The purposes of the vault's own keys. Every call needs some of them, whichever merchant makes it."""


async def initialise_vault(engine: Engine, kek: KeyEncryptionKey, clock: Clock) -> VaultId:
    """Bring the schema up to date and, in a new database, name the vault and make its keys; return its id."""
    now = clock.now()
    await migrate(engine, SCHEMA, now)
    table = KeyTable(engine)
    if known := await table.vault_id():
        return VaultId(known)
    # The keys are wrapped before the transaction. When another process is first, they are dropped unused.
    keyring = Keyring(kek, table, vault_id := VaultId(prefixed("vlt", now)))
    keys = await asyncio.gather(*(keyring.make(purpose, "", now=now) for purpose in OWN_KEYS))
    return VaultId(await engine.commit(lambda: key_table.initialise(vault_id, keys, now)))
