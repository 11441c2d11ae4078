"""Open the token service providers of a vault and their routes from its settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Final, Protocol

from tokenvault_server.bootstrap.stores import open_engine
from tokenvault_server.bootstrap.tracing import guard, traced_engine
from tokenvault_server.database import opening
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.database.kind import EngineKind
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.network import Network
from tokenvault_server.errors import SettingsError, VaultError
from tokenvault_server.keys.kek import KeyEncryptionKey
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.settings import LOCAL, CardRangeSetting, PluginSetting, Settings
from tokenvault_server.tsp.guarded import Deadlines
from tokenvault_server.tsp.local import setup as local_tsp
from tokenvault_server.tsp.local.issuer import LocalTokenService
from tokenvault_server.tsp.local.policy import IssuerPolicy
from tokenvault_server.tsp.local.ranges import CardRange
from tokenvault_server.tsp.provider import TokenServiceProvider
from tokenvault_server.tsp.routing import Providers, Routes, everything_to, parse_routes
from tokenvault_server.vault.key_watch import KeyWatch

if TYPE_CHECKING:
    from tokenvault_server.telemetry.tracing import Tracing

ENTRY_POINTS: Final = "tokenvault.tsp"
"""The group of entry points in which installed distributions register kinds of providers."""


class ProviderFactory(Protocol):
    """Opens a provider; a distribution registers one as an entry point of the group `tokenvault.tsp`."""

    def __call__(self, tsp_id: str, options: Mapping[str, object], clock: Clock) -> Awaitable[TokenServiceProvider]:
        """Return the open provider of the table `[tsp.TSP_ID]`, whose other settings are `options`.

        Raises:
            SettingsError: an option is missing or cannot be used.
        """
        ...


@dataclass(frozen=True, slots=True)
class TokenServices:
    """All providers of a vault, and those among them that are built in."""

    providers: Providers
    local: Mapping[str, LocalTokenService]
    key_watches: tuple[KeyWatch, ...]
    engines: Mapping[str, Engine]
    """The databases of those that are built in, by name."""


async def open_token_services(
    settings: Settings,
    clock: Clock,
    kek: KeyEncryptionKey,
    tsp_engine: Engine,
    *,
    new: bool,
    kinds: Sequence[EngineKind] = opening.KINDS,
    tracing: Tracing | None = None,
    wrap: Callable[[TokenServiceProvider], TokenServiceProvider] | None = None,
) -> TokenServices:
    """Open every provider of the settings; each closes its own resources when it is closed.

    Args:
        settings: the tables `[tsp.NAME]` and the routes.
        clock: the clock of every provider.
        kek: the master key, which wraps the keys of built-in providers.
        tsp_engine: the database of the built-in provider `local`, which closes it.
        new: whether a missing store is created.
        kinds: the kinds of store that a URL may name.
        tracing: what makes spans, where tracing is on.
        wrap: what an emulator puts around each provider, behind its guard.

    Raises:
        SettingsError: a table, a kind or a route cannot be used.
        StoreError: the database of a built-in provider cannot be used.
    """
    routes = routes_of(settings)
    deadlines = Deadlines().within(settings.tsp_deadline_seconds)
    local: dict[str, LocalTokenService] = {}
    watches: list[KeyWatch] = []
    opened: list[TokenServiceProvider] = []
    async with AsyncExitStack() as undo:
        engines = {LOCAL: tsp_engine}
        for name in settings.tsp.local:
            engines[name] = await open_local_store(settings, name, new=new, kinds=kinds)
            undo.push_async_callback(engines[name].close)
        urls = {LOCAL: settings.tsp_store} | {name: each.store for name, each in settings.tsp.local.items()}
        for name, opened_engine in engines.items():
            engine = traced_engine(opened_engine, tracing, url=urls[name], store=name, kinds=kinds)
            keyring = Keyring(kek, KeyTable(engine), await local_tsp.initialise(engine, kek, clock))
            policy = _policy(settings, name)
            local[name] = await local_tsp.open_local_token_service(engine, keyring, clock, policy, name)
            watches.append(KeyWatch(KeyTable(engine), keyring))
            opened.append(local[name])
        for name, plugin in settings.tsp.plugins.items():
            provider = await _open_plugin(name, plugin, clock)
            undo.push_async_callback(provider.close)
            opened.append(provider)
        wrapped = [wrap(provider) if wrap else provider for provider in opened]
        guarded = [guard(provider, clock, deadlines, tracing) for provider in wrapped]
        services = TokenServices(Providers(guarded, routes), local, tuple(watches), engines)
        undo.pop_all()
    return services


async def open_local_store(
    settings: Settings, name: str, *, new: bool, kinds: Sequence[EngineKind] = opening.KINDS
) -> Engine:
    """Open the database of a further built-in token service."""
    service = settings.tsp.local[name]
    password = service.store_password.secret()
    return await open_engine(service.store, new=new, password=password, settings=settings, kinds=kinds)


def routes_of(settings: Settings) -> Routes:
    """Return the routes of the settings. Without any `[tsp.NAME]`, every card goes to `local`.

    Raises:
        SettingsError: there are providers and no routes, or test tokens would mix with real ones.
    """
    services = settings.tsp
    if not services.routes:
        if services.local or services.plugins:
            names = ", ".join((LOCAL, *services.local, *services.plugins))
            raise SettingsError(
                "there are several providers and no routes",
                hint=f'add [tsp.routes] with lines such as visa = "NAME"; configured are: {names}',
            )
        return everything_to(LOCAL)
    routes = parse_routes(services.routes)
    routed_local = sorted(routes.tsp_ids & {LOCAL, *services.local})
    routed_real = sorted(routes.tsp_ids & services.plugins.keys())
    if routed_local and routed_real and not services.allow_local:
        raise SettingsError(
            f"cards are routed to the test provider '{routed_local[0]}' beside '{routed_real[0]}'",
            hint="route them elsewhere, or set allow_local = true in [tsp] where no real payments are made",
        )
    return routes


async def _open_plugin(name: str, plugin: PluginSetting, clock: Clock) -> TokenServiceProvider:
    """Open a provider of an installed kind."""
    installed: dict[str, EntryPoint] = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}
    entry = installed.get(plugin.kind)
    if entry is None:
        kinds = ", ".join(sorted({LOCAL, *installed}))
        raise SettingsError(f"[tsp.{name}] is of a kind that is not installed", hint=f"installed kinds: {kinds}")
    try:
        factory: ProviderFactory = entry.load()
        provider = await factory(name, plugin.options.reveal(), clock)
    except VaultError:
        raise
    except Exception as error:
        # The message of a foreign error may quote an option, which may be a secret.
        raise SettingsError(f"the provider '{name}' cannot be opened", hint=type(error).__name__) from error
    if provider.tsp_id != name:
        await provider.close()
        raise SettingsError(f"the provider of [tsp.{name}] has another name")
    return provider


def _policy(settings: Settings, name: str) -> IssuerPolicy:
    """Return the policy of a built-in provider; settings outside any table are those of `local`."""
    chosen = settings if name == LOCAL else settings.tsp.local[name]
    return IssuerPolicy(
        cryptogram_seconds=chosen.cryptogram_minutes * 60, extra_ranges=tuple(map(_range, chosen.card_ranges))
    )


def _range(card: CardRangeSetting) -> CardRange:
    return CardRange(
        prefix=card.prefix,
        length=card.length,
        network=Network(card.network),
        issuer=card.issuer,
        card_type=card.card_type,
        card_sub_type=card.card_sub_type,
    )
