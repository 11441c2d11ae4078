"""How a vault begins: its schema, its name and its own keys."""

from __future__ import annotations

from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.key_table import KeyTable, add_keys, name_vault, vault_id_of
from tokenvault_server.database.migrate import migrate
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import VaultId, prefixed
from tokenvault_server.domain.keys import Purpose, WrappedKey
from tokenvault_server.keys.kek import KeyEncryptionKey
from tokenvault_server.keys.keyring import Keyring

SCHEMA = "tokenvault_server.store"
_OWN_KEYS = (Purpose.AUDIT, Purpose.API_SECRET, Purpose.CREDENTIAL, Purpose.IDEMPOTENCY, Purpose.FINGERPRINT)


async def initialise_vault(engine: Engine, kek: KeyEncryptionKey, clock: Clock) -> VaultId:
    """Bring the schema up to date and, in a new database, name the vault and make its keys; give its id."""
    await migrate(engine, SCHEMA, clock.now())
    return await engine.commit(lambda: _name_and_keys(engine, kek, clock.now()))


def _name_and_keys(engine: Engine, kek: KeyEncryptionKey, now: int) -> Work[VaultId]:
    """Name the vault and make its keys, unless somebody else just did."""
    keyring = Keyring(kek, KeyTable(engine), vault_id := VaultId(prefixed("vlt", now)))
    while (known := (yield from vault_id_of())) is None:
        if (yield from name_vault(vault_id, now)):
            yield from add_keys(lambda first: _new_keys(keyring, first, now))
    return VaultId(known)


def _new_keys(keyring: Keyring, first: int, now: int) -> list[WrappedKey]:
    return [keyring.make(purpose, "", key_id=key_id, now=now) for key_id, purpose in enumerate(_OWN_KEYS, first)]
