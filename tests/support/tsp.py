"""A token service provider that fails, waits or is interrupted on demand; otherwise a real one answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from tokenvault_server.bootstrap import Vault
from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.tsp.guarded import GuardedTokenService
from tokenvault_server.tsp.provider import (
    Cryptogram,
    CryptogramContext,
    LifecycleAction,
    ProvisionRequest,
    TokenGrant,
    TokenServiceProvider,
    TokenView,
)
from tokenvault_server.vault.cryptograms import Cryptograms
from tokenvault_server.vault.enrolments import Enrolments
from tokenvault_server.vault.instruments import Instruments, Limits
from tokenvault_server.vault.outbox import OutboxWorker


class ScriptedTsp:
    """Answers as `inner` does, unless the script says otherwise."""

    def __init__(self, inner: TokenServiceProvider) -> None:
        self._inner = inner
        self.failures: dict[str, Exception] = {}
        """What a verb raises instead of answering, for as long as it stands here."""
        self.meanwhile: Callable[[], Awaitable[object]] | None = None
        """What somebody else does once, while the next answer is on its way."""
        self.asked: list[str] = []

    @property
    def tsp_id(self) -> str:
        return self._inner.tsp_id

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        await self._follow("provision")
        grant = await self._inner.provision(request)
        await self._interrupt()
        return grant

    async def cryptogram(self, token_reference: TokenReference, context: CryptogramContext) -> Cryptogram:
        await self._follow("cryptogram")
        cryptogram = await self._inner.cryptogram(token_reference, context)
        await self._interrupt()
        return cryptogram

    async def lifecycle(self, token_reference: TokenReference, action: LifecycleAction, reason: str) -> None:
        await self._follow("lifecycle")
        await self._inner.lifecycle(token_reference, action, reason)
        await self._interrupt()

    async def get(self, token_reference: TokenReference) -> TokenView:
        return await self._inner.get(token_reference)

    async def close_enrolment(self, enrolment_id: str) -> TokenReference | None:
        await self._follow("close_enrolment")
        return await self._inner.close_enrolment(enrolment_id)

    async def close(self) -> None:
        await self._inner.close()

    async def _follow(self, verb: str) -> None:
        self.asked.append(verb)
        if verb in self.failures:
            raise self.failures[verb]

    async def _interrupt(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile:
            await meanwhile()


def scripted(vault: Vault) -> tuple[Vault, ScriptedTsp]:
    """Give the same vault with its token service behind a script."""
    script = ScriptedTsp(vault.token_service)
    return behind(vault, vault.engine, script), script


def behind(vault: Vault, engine: Engine, provider: TokenServiceProvider) -> Vault:
    """Give the same vault with another way to its database and to its token service."""
    tsp = GuardedTokenService(provider, vault.clock)
    settings = vault.settings
    limits = Limits(settings.instruments_per_customer, settings.tombstone_days)
    enrolments = Enrolments(engine, vault.sealer, tsp, vault.clock)
    instruments = Instruments(
        engine, vault.sealer, tsp, enrolments, vault.audit, vault.webhook_events, vault.clock, limits
    )
    cryptograms = Cryptograms(instruments, vault.sealer, tsp, vault.audit, vault.clock)
    outbox_tasks = OutboxWorker(engine, vault.sealer, tsp, enrolments, vault.clock)
    return replace(vault, engine=engine, instruments=instruments, cryptograms=cryptograms, outbox_tasks=outbox_tasks)
