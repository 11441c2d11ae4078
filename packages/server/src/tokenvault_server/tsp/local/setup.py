"""Initialise a local token service once, and build it from its components at every start."""

from __future__ import annotations

import asyncio

from tokenvault_server.database import key_table
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.database.migrate import migrate
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import prefixed
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.network import Network
from tokenvault_server.errors import StoreError
from tokenvault_server.keys.kek import KeyEncryptionKey
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.keys.opening import RecordOpener
from tokenvault_server.tsp.local.components import Components
from tokenvault_server.tsp.local.inbox import Inbox
from tokenvault_server.tsp.local.issuer import LocalTokenService
from tokenvault_server.tsp.local.issuer_keys import IssuerKeys
from tokenvault_server.tsp.local.policy import IssuerPolicy
from tokenvault_server.tsp.local.ranges import CardRanges
from tokenvault_server.tsp.local.records import CardRecords
from tokenvault_server.tsp.local.sandbox_cards import TEST_RANGES
from tokenvault_server.tsp.local.tokens import TokenTable

PACKAGE = "tokenvault_server.tsp.local"
KEYS = (
    (Purpose.CARD, ""),
    (Purpose.CARD_INDEX, ""),
    (Purpose.PAR, ""),
    *((Purpose.ISSUER_MASTER, network.value) for network in Network),
)
"""The purposes and owners of a token service's keys."""


async def initialise(engine: Engine, kek: KeyEncryptionKey, clock: Clock) -> str:
    """Migrate the database, create the id and keys of a new token service, and return the id."""
    now = clock.now()
    await migrate(engine, PACKAGE, now)
    table = KeyTable(engine)
    if known := await table.vault_id():
        return known
    # The keys are wrapped before the transaction. When another process is first, these keys are never used.
    keyring = Keyring(kek, table, vault_id := prefixed("tsp", now))
    keys = await asyncio.gather(*(keyring.make(purpose, owner, now=now) for purpose, owner in KEYS))
    return await engine.commit(lambda: key_table.initialise(vault_id, keys, now))


async def open_local_token_service(
    engine: Engine, keyring: Keyring, clock: Clock, policy: IssuerPolicy | None = None, tsp_id: str = "local"
) -> LocalTokenService:
    """Return a local token service on an initialised database, which it closes when it is closed itself.

    Raises:
        StoreError: the database was never initialised.
        SettingsError: a configured card range overlaps a token range.
    """
    policy = policy or IssuerPolicy()
    table = KeyTable(engine)
    vault_id = await table.vault_id()
    if vault_id is None:
        raise StoreError("the token service's database was never initialised", hint="run `tokenvault init` first")
    opener = RecordOpener(keyring)
    components = Components(
        tokens=TokenTable(engine),
        records=CardRecords(keyring, opener, vault_id),
        issuer_keys=IssuerKeys(keyring, table),
        keyring=keyring,
        opener=opener,
        ranges=CardRanges(TEST_RANGES + policy.extra_ranges, policy.token_prefixes),
        policy=policy,
        clock=clock,
        inbox=Inbox(engine, keyring, opener, vault_id),
    )
    return LocalTokenService(tsp_id, engine, components)
