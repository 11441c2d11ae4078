"""A token service provider that fails, waits or is interrupted on demand; otherwise a real one answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.tsp.around import AroundTokenService
from tokenvault_server.tsp.events import InboxEvent
from tokenvault_server.tsp.guarded import GuardedTokenService
from tokenvault_server.tsp.provider import (
    Cryptogram,
    CryptogramContext,
    LifecycleAction,
    LifecycleResult,
    ProvisionRequest,
    TokenGrant,
    TokenKey,
    TokenServiceProvider,
    TokenView,
)
from tokenvault_server.tsp.routing import Providers, Routes, everything_to
from tokenvault_server.vault.cryptograms import Cryptograms
from tokenvault_server.vault.enrolments import Enrolments
from tokenvault_server.vault.instruments import Instruments, Limits
from tokenvault_server.vault.outbox import OutboxWorker
from tokenvault_server.vault.suspensions import Suspensions
from tokenvault_server.vault.token_events import TokenEvents


class ScriptedTsp(AroundTokenService):
    """Answers as `inner` does, unless the script says otherwise."""

    def __init__(self, inner: TokenServiceProvider) -> None:
        super().__init__(inner)
        self.failures: dict[str, Exception] = {}
        """The error that a verb raises instead of answering, by verb."""
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        """An action that runs once, after the next call of the provider and before its answer is returned."""
        self.asked: list[str] = []

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        await self._follow("provision")
        grant = await super().provision(request)
        await self._interrupt()
        return grant

    async def cryptogram(self, key: TokenKey, context: CryptogramContext) -> Cryptogram:
        await self._follow("cryptogram")
        cryptogram = await super().cryptogram(key, context)
        await self._interrupt()
        return cryptogram

    async def lifecycle(self, key: TokenKey, action: LifecycleAction, reason: str) -> LifecycleResult:
        await self._follow("lifecycle")
        result = await super().lifecycle(key, action, reason)
        await self._interrupt()
        return result

    async def get(self, key: TokenKey) -> TokenView:
        await self._follow("get")
        return await super().get(key)

    async def close_enrolment(self, enrolment_id: str) -> TokenReference | None:
        await self._follow("close_enrolment")
        return await super().close_enrolment(enrolment_id)

    async def events(self, after: str, limit: int) -> list[InboxEvent]:
        await self._follow("events")
        return await super().events(after, limit)

    async def acknowledge(self, event_ids: Sequence[str]) -> None:
        await self._follow("acknowledge")
        await super().acknowledge(event_ids)

    async def _follow(self, verb: str) -> None:
        self.asked.append(verb)
        if verb in self.failures:
            raise self.failures[verb]

    async def _interrupt(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            await meanwhile()


def scripted(vault: Vault) -> tuple[Vault, ScriptedTsp]:
    """Return the same vault with its token service in a script, and the script."""
    script = ScriptedTsp(vault.token_service)
    return behind(vault, vault.engine, script), script


def behind(vault: Vault, engine: Engine, *others: TokenServiceProvider, routes: Routes | None = None) -> Vault:
    """Return the same vault with another engine and other providers; without routes, the first gets every card."""
    providers = Providers(
        (GuardedTokenService(each, vault.clock) for each in others), routes or everything_to(others[0].tsp_id)
    )
    settings = vault.settings
    limits = Limits(settings.instruments_per_customer, settings.tombstone_days)
    enrolments = Enrolments(engine, vault.sealer, providers, vault.clock)
    instruments = Instruments(
        engine,
        vault.sealer,
        vault.row_tags,
        providers,
        enrolments,
        vault.audit,
        vault.webhook_events,
        vault.clock,
        limits,
    )
    token_events = TokenEvents(engine, vault.sealer, vault.row_tags, vault.audit, vault.webhook_events, vault.clock)
    return replace(
        vault,
        engine=engine,
        providers=providers,
        instruments=instruments,
        cryptograms=Cryptograms(instruments, vault.sealer, providers, token_events, vault.audit, vault.clock),
        outbox_tasks=OutboxWorker(engine, enrolments, vault.clock),
        token_events=token_events,
        suspensions=Suspensions(instruments, vault.sealer, providers, token_events),
    )
