"""Open the two databases of a vault from its settings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

from tokenvault_server.database import opening
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.kind import EngineKind, EngineOptions
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import SettingsError
from tokenvault_server.settings import Settings
from tokenvault_server.tsp.local.setup import PACKAGE as TSP_SCHEMA
from tokenvault_server.vault.initialisation import SCHEMA

SCHEMAS: Final = {"store": SCHEMA, "tsp_store": TSP_SCHEMA}
"""The packages whose migrations create the two databases."""


def single_process_kind(settings: Settings, kinds: Sequence[EngineKind] = opening.KINDS) -> EngineKind | None:
    """Return the kind of a store that only one process may use, or None when all of them support several."""
    used = (opening.kind_of(url, kinds) for url in settings.store_urls)
    return next((kind for kind in used if not kind.supports_many_processes), None)


async def open_engines(
    settings: Settings, *, new: bool, kinds: Sequence[EngineKind] = opening.KINDS
) -> tuple[Engine, Engine]:
    """Open the vault's store and the token service's."""
    if any(opening.is_same_store(one, other, kinds) for one, other in combinations(settings.store_urls, 2)):
        raise SettingsError("two stores are one database", hint="every token service needs a database of its own")
    if len(set(settings.store_urls)) < len(settings.store_urls):
        raise SettingsError("two token services have one database", hint="each of them needs one of its own")
    password, tsp_password = settings.secret_store_passwords()
    engine = await open_engine(settings.store, new=new, password=password, settings=settings, kinds=kinds)
    try:
        tsp_engine = await open_engine(
            settings.tsp_store, new=new, password=tsp_password, settings=settings, kinds=kinds
        )
    except BaseException:
        await engine.close()
        raise
    return engine, tsp_engine


async def open_engine(
    url: str,
    *,
    new: bool,
    password: Secret[str] | None,
    settings: Settings,
    kinds: Sequence[EngineKind] = opening.KINDS,
) -> Engine:
    """Open one database with the options of the settings."""
    options = EngineOptions(
        settings.store_connections, settings.store_timeout_seconds, prepared_statements=settings.prepared_statements
    )
    return await opening.open_engine(url, new=new, password=password, options=options, kinds=kinds)
