"""Open a vault's API before its first call, and build its ASGI application."""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from tokenvault_server.api.asgi import AsgiApp, Observe
from tokenvault_server.api.authentication import Accounts, Authentication
from tokenvault_server.api.call import Call, Request
from tokenvault_server.api.commit_slots import CommitSlots
from tokenvault_server.api.common_headers import CommonHeaders
from tokenvault_server.api.handlers import Handlers
from tokenvault_server.api.idempotency import Idempotency
from tokenvault_server.api.origins import Origins
from tokenvault_server.api.pipeline import Pipeline
from tokenvault_server.api.rate_limits import Budgets, RateLimits
from tokenvault_server.api.versions import Versions
from tokenvault_server.background import BackgroundTasks, PeriodicTask
from tokenvault_server.bootstrap.generations import Generation, join_generation
from tokenvault_server.bootstrap.vault import Vault
from tokenvault_server.database import opening
from tokenvault_server.domain.clock import Clock
from tokenvault_server.errors import SettingsError, StoreError, VaultError
from tokenvault_server.settings import Settings
from tokenvault_server.telemetry.access_log import AccessLog
from tokenvault_server.telemetry.metrics import Metrics
from tokenvault_server.telemetry.process_metrics import REPORT_SECONDS, Role
from tokenvault_server.vault.auth_failures import AuthFailures
from tokenvault_server.vault.key_watch import POLL_SECONDS
from tokenvault_server.vault.last_use import LastUse

if TYPE_CHECKING:
    from tokenvault_server.telemetry.tracing import Tracing

_AUTH_FAILURES_SECONDS = 5.0
_LAST_USE_SECONDS = 60.0
_WINDOWS_SECONDS = 60.0
_DAILY_KEYS_SECONDS = 300.0

logger = logging.getLogger(__name__)

OpenVault = Callable[[], Awaitable[Vault]]


class Api:
    """The API's lifespan: opens everything before the first call and closes it after the last."""

    def __init__(
        self,
        settings: Settings,
        vault: Vault | OpenVault,
        diagnose: Callable[[Request], None] | None = None,
        *,
        strict: bool = False,
        intercept: Callable[[Call], Awaitable[None]] | None = None,
        help_note: str = "",
        machine: Clock | None = None,
        role: Role | None = None,
    ) -> None:
        """Serve a vault.

        Args:
            settings: how the API is served.
            vault: an open vault, which the caller closes, or a function that opens one, which `stop` closes.
            diagnose: finds out why callers were not authenticated; only an emulator has it.
            strict: whether requests beyond Cashfree's documented limits are rejected; only an emulator does it.
            intercept: makes calls fail or wait; only an emulator has it.
            help_note: what the help of a 400 and a 404 adds; only an emulator has it.
            machine: the clock of the machine where the vault's own may be behind it. Customers agree by that one.
            role: the role of this process in its metrics, if it does not report them elsewhere.
        """
        self._settings = settings
        self._vault = vault
        self._diagnose = diagnose
        self._strict = strict
        self._intercept = intercept
        self._help_note = help_note
        self._machine = machine
        self._pipeline: Pipeline | None = None
        self._role = role
        self._opened: Vault | None = None
        self._auth_failures: AuthFailures | None = None
        self._last_use: LastUse | None = None
        self._generation: Generation | None = None
        self.background_tasks: BackgroundTasks | None = None
        self.metrics: Metrics | None = None
        """Receives the states of circuit breakers, if set."""

    async def start(self) -> Pipeline:
        """Open everything and return the pipeline."""
        if isinstance(self._vault, Vault):
            vault = self._vault
        else:
            vault = self._opened = await self._vault()
        clock = vault.clock
        if generation := _generation_of(vault):
            self._generation = generation
            vault.idempotency_keys.join(generation.number)
        if self.metrics:
            vault.providers.watch(self.metrics.circuit)
            vault.watch_unreadable(self.metrics.unreadable_record)
        processes = vault.process_metrics(self._role) if self._role else None
        try:
            await vault.check_keys_at_start()
        except VaultError:
            await self.stop()
            raise
        self._auth_failures = AuthFailures(vault.engine, vault.audit, clock)
        self._last_use = LastUse(vault.engine)
        await vault.daily_keys.rotate()  # after days without a running server the keys are old
        limits = RateLimits(_budgets(self._settings), vault.own_limits, clock, vault.rate_leases)
        tasks = (
            PeriodicTask(_AUTH_FAILURES_SECONDS, self._auth_failures.flush),
            PeriodicTask(_LAST_USE_SECONDS, self._last_use.flush),
            PeriodicTask(_WINDOWS_SECONDS, limits.sweep),
            PeriodicTask(_DAILY_KEYS_SECONDS, vault.daily_keys.rotate),
            *(PeriodicTask(POLL_SECONDS, watch.poll) for watch in vault.key_watches),
            *((PeriodicTask(REPORT_SECONDS, processes.report),) if processes else ()),
        )
        self.background_tasks = BackgroundTasks(clock, tasks, metrics=processes)
        self.background_tasks.start()
        self._pipeline = Pipeline(
            versions=Versions(deprecated=self._settings.deprecated_versions),
            authentication=self._authentication(vault, self._last_use, limits),
            limits=limits,
            idempotency=Idempotency(vault.engine, vault.idempotency_keys, commit_slots(vault)),
            handlers=Handlers(vault.instruments, vault.cryptograms, clock, self._machine),
            auth_failures=self._auth_failures,
            common_headers=CommonHeaders(retry_after=self._settings.retry_after),
            diagnose=self._diagnose,
            strict=self._strict,
            intercept=self._intercept,
            help_note=self._help_note,
        )
        return self._pipeline

    async def forget(self) -> None:
        """Forget what is only in memory, because an emulator's store goes back to an earlier state."""
        if self._auth_failures and self._last_use and self._pipeline:
            await self._auth_failures.settled()
            self._auth_failures.forget()
            self._last_use.at.clear()
            self._pipeline.authentication.forget()
            self._pipeline.limits.forget()

    async def stop(self) -> None:
        """Write the counts that are only in memory, and close what `start` opened."""
        if self.background_tasks:
            await self.background_tasks.stop()
        try:
            if self._auth_failures:
                await self._auth_failures.flush(everything=True)
            if self._last_use:
                await self._last_use.flush()
        except StoreError as error:
            logger.warning("counts of the last seconds are lost", extra={"reason": error.message})
        finally:
            if self._opened:
                await self._opened.close()
            if self._generation:
                self._generation.leave()

    def _authentication(self, vault: Vault, last_use: LastUse, limits: RateLimits) -> Authentication:
        client_signatures = vault.client_signatures if self._settings.signature_auth else None
        accounts = Accounts(vault.merchants, vault.partners, client_signatures, last_use)
        return Authentication(accounts, vault.sealer, limits, vault.clock)


def _generation_of(vault: Vault) -> Generation | None:
    """Join the processes that serve the vault's store; None where several may serve it at the same time."""
    if vault.supports_many_processes:
        return None
    kind = opening.find_kind(vault.settings.store)
    files = kind.files(vault.settings.store) if kind else ()
    return join_generation(files[0]) if files else None


def build_app(
    settings: Settings,
    metrics: Metrics,
    lifespan: Api,
    clock: Clock,
    tracing: Tracing | None = None,
    observe: Observe | None = None,
) -> AsgiApp:
    """Return the API as an ASGI application, with a span for each call where tracing is on.

    `observe` is called after each call, in an emulator.
    """
    lifespan.metrics = metrics
    stream = sys.stderr.buffer if settings.access_log and settings.log_level in {"debug", "info"} else None
    origins = Origins(settings.trusted_proxies)
    if tracing is None:
        return AsgiApp(lifespan, AccessLog(stream), metrics, clock, origins, observe=observe)
    from tokenvault_server.api.tracing import TracedApp
    from tokenvault_server.telemetry.tracing import TracedAccessLog

    return TracedApp(lifespan, TracedAccessLog(stream), metrics, clock, origins, observe=observe, tracing=tracing)


def check_api_settings(settings: Settings) -> None:
    """Raise SettingsError for values that would otherwise fail only when the API opens."""
    _budgets(settings)
    Origins(settings.trusted_proxies)
    Versions(deprecated=settings.deprecated_versions)


def commit_slots(vault: Vault) -> CommitSlots | None:
    """Return slots that keep one merchant from using all connections, or None where commits share one connection."""
    if not vault.supports_many_processes:
        return None
    return CommitSlots(max(1, vault.settings.store_connections // 4), vault.settings.store_timeout_seconds)


def _budgets(settings: Settings) -> Budgets:
    defaults = Budgets().per_operation
    chosen: Mapping[str, int] = settings.rate_limit_per_operation
    unknown = sorted(chosen.keys() - defaults.keys())
    if unknown:
        raise SettingsError(f"rate_limit_per_operation knows {', '.join(defaults)}")
    return Budgets({**defaults, **chosen}, settings.rate_limit_per_address, unlimited=not settings.rate_limits)
