"""The deep inspection of everything that a vault's settings name: its keys before it is opened, then its records."""

from __future__ import annotations

from contextlib import AsyncExitStack

from tokenvault_server.bootstrap.assembly import key_provider
from tokenvault_server.bootstrap.stores import open_engines
from tokenvault_server.bootstrap.token_services import open_local_store
from tokenvault_server.bootstrap.vault import Vault
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.domain.inspection import Inspection, Notify
from tokenvault_server.errors import StoreError
from tokenvault_server.keys.kek import KeyEncryptionKey
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.settings import LOCAL, Settings
from tokenvault_server.tsp.local.setup import KEYS
from tokenvault_server.vault.inspection import RecordInspection, inspect_keys, inspect_vault_keys


async def inspect_all_keys(settings: Settings, notify: Notify) -> list[Inspection]:
    """Unwrap every key of every database, of the vault and of its built-in token services.

    Works where the vault cannot be opened because a key does not unwrap.

    Raises:
        KeyProviderError: the master key cannot be reached.
        StoreError: a database is missing, or was never initialised.
    """
    kek = key_provider(settings)
    async with AsyncExitStack() as closing:
        engine, tsp_engine = await open_engines(settings, new=False)
        closing.push_async_callback(engine.close)
        closing.push_async_callback(tsp_engine.close)
        services = {LOCAL: tsp_engine}
        for name in settings.tsp.local:
            services[name] = await open_local_store(settings, name, new=False)
            closing.push_async_callback(services[name].close)
        of_vault = await inspect_vault_keys(engine, await _keyring(kek, engine), notify)
        return [of_vault] + [
            await inspect_keys(
                f"the token service {name}", KeyTable(service), await _keyring(kek, service), KEYS, notify
            )
            for name, service in services.items()
        ]


async def inspect_all_records(vault: Vault, size: int, notify: Notify) -> list[Inspection]:
    """Open a sample of every kind of sealed record: of every key the `size` newest ones and `size` random ones."""
    found = await RecordInspection(vault.engine, vault.sealer).run(size, notify)
    for service in vault.local_services.values():
        found += await service.inspect(size, notify)
    return found


async def _keyring(kek: KeyEncryptionKey, engine: Engine) -> Keyring:
    table = KeyTable(engine)
    vault_id = await table.vault_id()
    if vault_id is None:
        raise StoreError("the database was never initialised", hint="run `tokenvault init DIR` first")
    return Keyring(kek, table, vault_id)
