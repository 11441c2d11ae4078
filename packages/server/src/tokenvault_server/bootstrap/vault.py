"""An open vault: its components, its checks and its periodic tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from prometheus_client import CollectorRegistry

from tokenvault_server.background import BackgroundTasks, PeriodicTask
from tokenvault_server.database.engine import Engine, single_statement
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.domain.clock import SECOND, Clock
from tokenvault_server.domain.identifiers import VaultId
from tokenvault_server.errors import KeyUnavailableError, StoreError
from tokenvault_server.keys import signing
from tokenvault_server.keys.kek import KeyEncryptionKey
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.settings import LOCAL, Settings
from tokenvault_server.store import rate_windows
from tokenvault_server.telemetry.background_metrics import BackgroundMetrics
from tokenvault_server.telemetry.process_metrics import ProcessMetrics, Role
from tokenvault_server.tsp.local.issuer import LocalTokenService
from tokenvault_server.tsp.routing import Providers
from tokenvault_server.vault.account_states import AccountStates
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.audit_verification import AuditReport, AuditVerification
from tokenvault_server.vault.client_signatures import ClientSignatures
from tokenvault_server.vault.cryptograms import Cryptograms
from tokenvault_server.vault.daily_keys import DailyKeys
from tokenvault_server.vault.deliveries import Deliveries
from tokenvault_server.vault.figures import VAULT, Figures
from tokenvault_server.vault.idempotency import IdempotencyKeys
from tokenvault_server.vault.initialisation import OWN_KEYS
from tokenvault_server.vault.instruments import Instruments
from tokenvault_server.vault.key_watch import POLL_SECONDS, KeyWatch
from tokenvault_server.vault.merchants import Merchants
from tokenvault_server.vault.outbox import OutboxWorker
from tokenvault_server.vault.partners import Partners
from tokenvault_server.vault.rate_leases import RateLeases
from tokenvault_server.vault.rate_limits import OwnLimits
from tokenvault_server.vault.record_sealer import RecordSealer
from tokenvault_server.vault.removals import Removals
from tokenvault_server.vault.row_tags import RowTags
from tokenvault_server.vault.suspensions import Suspensions
from tokenvault_server.vault.token_events import TokenEvents, TokenInbox
from tokenvault_server.vault.webhook_events import WebhookEvents
from tokenvault_server.vault.webhooks import Webhooks

_OUTBOX_SECONDS = 1.0
_DELIVERIES_SECONDS = 0.5
_REPLIES_SECONDS = 60.0  # a stored cryptogram reply outlives its cryptogram by at most this long
_OLD_ROWS_SECONDS = 3600.0
_INBOX_SECONDS = 1.0
_FIGURES_SECONDS = 15.0
_SCRUB_SECONDS = 5.0  # a deleted record survives in SQLite's write-ahead log for at most about this long


@dataclass(frozen=True, slots=True)
class Vault:
    """An open vault and its components."""

    settings: Settings
    clock: Clock
    vault_id: VaultId
    engine: Engine
    keyring: Keyring
    sealer: RecordSealer
    row_tags: RowTags
    audit: AuditTrail
    merchants: Merchants
    partners: Partners
    client_signatures: ClientSignatures
    account_states: AccountStates
    instruments: Instruments
    cryptograms: Cryptograms
    outbox_tasks: OutboxWorker
    webhook_events: WebhookEvents
    webhooks: Webhooks
    deliveries: Deliveries
    background_metrics: BackgroundMetrics
    figures: Figures
    idempotency_keys: IdempotencyKeys
    own_limits: OwnLimits
    rate_leases: RateLeases | None
    daily_keys: DailyKeys
    key_watches: tuple[KeyWatch, ...]
    local_services: Mapping[str, LocalTokenService]
    """The built-in token services, by name. Every vault has `local`."""
    local_engines: Mapping[str, Engine]
    """Their databases."""
    providers: Providers
    token_events: TokenEvents
    suspensions: Suspensions
    supports_many_processes: bool
    """Whether several processes may answer calls on this vault's stores at the same time."""
    kek: KeyEncryptionKey = field(repr=False)

    @property
    def token_service(self) -> LocalTokenService:
        """The built-in token service `local`."""
        return self.local_services[LOCAL]

    @property
    def tsp_engine(self) -> Engine:
        """Its database."""
        return self.local_engines[LOCAL]

    @property
    def removals(self) -> Removals:
        """The removal of merchants and partners, for operators."""
        return Removals(
            self.engine,
            self.account_states,
            self.merchants,
            self.partners,
            self.client_signatures,
            self.instruments,
            self.own_limits,
            self.webhooks,
            self.outbox_tasks,
        )

    async def check(self) -> None:
        """Return if every call could be served now.

        Raises:
            StoreError: the database does not answer, cannot be written, or belongs to another vault.
            KeyProviderError: the key provider does not answer.
        """
        for check in self.checks().values():
            await check()

    def checks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Return the parts of `check` by name."""
        return {
            "database": self._check_database,
            "database_writes": self._check_writes,
            "own_keys": self.check_keys,
            "master_key": self.kek.health,
        }

    async def _check_database(self) -> None:
        if await KeyTable(self.engine).vault_id() != self.vault_id:
            raise StoreError("the store belongs to another vault")

    async def _check_writes(self) -> None:
        await self.engine.commit(single_statement(rate_windows.write_probe()))

    async def check_keys(self) -> None:
        """Unwrap the vault's own keys, unless they are in memory already. Every call needs some of them.

        Raises:
            KeyUnavailableError: one is missing, was destroyed, or does not unwrap.
        """
        for purpose in OWN_KEYS:
            try:
                await self.keyring.active(purpose)
            except KeyUnavailableError as error:
                raise _unusable(f"the vault's own key '{purpose.value}'", error) from error

    async def check_keys_at_start(self) -> None:
        """Do the same before the first call, also with the keys of the built-in token services."""
        await self.check_keys()
        for name, service in self.local_services.items():
            try:
                await service.check_keys()
            except KeyUnavailableError as error:
                raise _unusable(f"a key of the token service '{name}'", error) from error

    def watch_unreadable(self, count: Callable[[], None]) -> None:
        """Call a function for each sealed record that does not open, and for each row that was changed."""
        self.sealer.opener.count_unreadable = count
        self.row_tags.count_forged = count
        for service in self.local_services.values():
            service.watch(count)

    async def verify_audit(self, *, with_anchor: bool = True, is_copy: bool = False) -> AuditReport:
        """Verify the audit trail.

        Args:
            with_anchor: whether the checkpoints are compared with the anchor file too.
            is_copy: whether the database is a copy that nobody signs any more.
        """
        verification = AuditVerification(
            self.engine,
            self.vault_id,
            self._public_key,
            self.row_tags,
            now=self.clock.now(),
            signed_within_seconds=2 * self.settings.checkpoint_seconds,
        )
        return await verification.run(anchor_file(self.settings) if with_anchor else None, is_copy=is_copy)

    def process_metrics(self, role: Role, registry: CollectorRegistry | None = None) -> ProcessMetrics:
        """Return metrics of this process and of its use of the databases, in a registry; by default in a new one."""
        metrics = ProcessMetrics(role, registry, started_at=self.clock.now() / SECOND)
        for name, engine in {VAULT: self.engine, **self.local_engines}.items():
            metrics.watch_store(name, engine.counts, engine.pool)
        return metrics

    def background_tasks(self, *more: PeriodicTask, metrics: ProcessMetrics | None = None) -> BackgroundTasks:
        """Return the periodic tasks that run in addition to the API, and `more` tasks of the caller's."""
        return BackgroundTasks(
            self.clock,
            (
                PeriodicTask(_OUTBOX_SECONDS, self.outbox_tasks.run_due),
                PeriodicTask(_DELIVERIES_SECONDS, self.deliveries.start_due),
                PeriodicTask(_REPLIES_SECONDS, self.deliveries.sweep),
                PeriodicTask(self.settings.checkpoint_seconds, self.audit.checkpoint),
                PeriodicTask(_REPLIES_SECONDS, self.idempotency_keys.sweep),
                PeriodicTask(_OLD_ROWS_SECONDS, self.instruments.forget_old_tombstones),
                *(PeriodicTask(_OLD_ROWS_SECONDS, provider.sweep) for provider in self.providers),
                # One task for each provider, so that a provider that does not answer blocks no other.
                *(PeriodicTask(_INBOX_SECONDS, self.inbox(provider.tsp_id).pull) for provider in self.providers),
                *(PeriodicTask(POLL_SECONDS, watch.poll) for watch in self.key_watches),
                *(PeriodicTask(_SCRUB_SECONDS, engine.scrub) for engine in (self.engine, *self.local_engines.values())),
                PeriodicTask(_FIGURES_SECONDS, self.figures.measure),
                *more,
            ),
            metrics=metrics,
        )

    def inbox(self, tsp_id: str) -> TokenInbox:
        """Return the reader of a provider's inbox."""
        return TokenInbox(self.providers.by_id(tsp_id), self.token_events, self.clock)

    async def close(self) -> None:
        """Finish deliveries that have started, close the providers with their databases, then the vault's database."""
        await self.deliveries.close()
        for provider in self.providers:
            await provider.close()
        await self.engine.close()

    async def _public_key(self, key_id: int) -> bytes:
        return signing.public_key(await self.keyring.by_id(key_id))


def anchor_file(settings: Settings) -> Path | None:
    """Return the file outside the database that keeps the newest audit checkpoint, or None without one."""
    return Path(settings.audit_anchor) if settings.audit_anchor else None


def _unusable(which: str, error: KeyUnavailableError) -> KeyUnavailableError:
    return KeyUnavailableError(hint=f"{which} cannot be used: {error.hint}; `tokenvault doctor --deep` checks all keys")
