"""How a vault begins: its schema, its name and its own keys."""

from __future__ import annotations

from collections.abc import Sequence

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.key_table import KeyTable, add_keys, name_vault
from tokenvault_server.database.migrate import migrate
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import VaultId, prefixed
from tokenvault_server.domain.keys import Purpose, WrappedKey
from tokenvault_server.keys.kek import KeyEncryptionKey
from tokenvault_server.keys.keyring import Keyring

SCHEMA = "tokenvault_server.store"
_OWN_KEYS = (Purpose.AUDIT, Purpose.API_SECRET, Purpose.CREDENTIAL, Purpose.IDEMPOTENCY)


async def found_vault(engine: Engine, kek: KeyEncryptionKey, clock: Clock) -> VaultId:
    """Bring the schema up to date and, in a new database, name the vault and make its keys; give its id."""
    await migrate(engine, SCHEMA, clock.now())
    table = KeyTable(engine)
    known = await table.vault_id()
    if known is not None:
        return VaultId(known)
    vault_id = VaultId(prefixed("vlt", clock.now()))
    keyring = Keyring(kek, table, vault_id)

    def make(first: int) -> Sequence[WrappedKey]:
        return [
            keyring.make(purpose, "", key_id=first + offset, now=clock.now())
            for offset, purpose in enumerate(_OWN_KEYS)
        ]

    def body() -> Work[None]:
        yield from name_vault(vault_id, clock.now())
        yield from add_keys(make)

    await engine.commit(body)
    return vault_id
