"""Build an open vault by calling the constructors of its components."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tokenvault_server.background import BackgroundTasks, PeriodicTask
from tokenvault_server.bootstrap.stores import open_engines, single_process_kind
from tokenvault_server.bootstrap.token_services import TokenServices, open_token_services
from tokenvault_server.database import opening
from tokenvault_server.database.engine import Engine, single_statement
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.database.kind import EngineKind
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import VaultId
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.errors import KeyUnavailableError, SchemaMissingError, SettingsError, StoreError
from tokenvault_server.keys import signing
from tokenvault_server.keys.kek import KeyEncryptionKey
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.keys.providers import provider_from
from tokenvault_server.settings import LOCAL, Settings
from tokenvault_server.store import rate_windows
from tokenvault_server.telemetry.metrics import BackgroundMetrics
from tokenvault_server.tsp.local.issuer import LocalTokenService
from tokenvault_server.tsp.routing import Providers
from tokenvault_server.vault.account_states import AccountStates
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.audit_verification import AuditReport, AuditVerification
from tokenvault_server.vault.client_signatures import ClientSignatures
from tokenvault_server.vault.cryptograms import Cryptograms
from tokenvault_server.vault.daily_keys import DailyKeys
from tokenvault_server.vault.deliveries import Deliveries, DeliveryLimits
from tokenvault_server.vault.enrolments import Enrolments
from tokenvault_server.vault.first_tags import FirstTags
from tokenvault_server.vault.idempotency import IdempotencyKeys
from tokenvault_server.vault.initialisation import OWN_KEYS, initialise_vault
from tokenvault_server.vault.instruments import Instruments, Limits
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
from tokenvault_server.webhooks.schedule import schedule_of
from tokenvault_server.webhooks.sending import Connector
from tokenvault_server.webhooks.setup import connector_of

_OUTBOX_SECONDS = 1.0
_DELIVERIES_SECONDS = 0.5
_REPLIES_SECONDS = 60.0  # a stored cryptogram reply outlives its cryptogram by at most this long
_OLD_ROWS_SECONDS = 3600.0
_INBOX_SECONDS = 1.0
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
    removals: Removals
    instruments: Instruments
    cryptograms: Cryptograms
    outbox_tasks: OutboxWorker
    webhook_events: WebhookEvents
    webhooks: Webhooks
    deliveries: Deliveries
    background_metrics: BackgroundMetrics
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

    async def check(self) -> None:
        """Return if every call could be served now.

        Raises:
            StoreError: the database does not answer, cannot be written, or belongs to another vault.
            KeyProviderError: the key provider does not answer.
        """
        if await KeyTable(self.engine).vault_id() != self.vault_id:
            raise StoreError("the store belongs to another vault")
        await self.engine.commit(single_statement(rate_windows.write_probe()))
        await self.check_keys()
        await self.kek.health()

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

    def background_tasks(self) -> BackgroundTasks:
        """Return the periodic tasks that run in addition to the API."""
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
            ),
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


async def open_vault(
    settings: Settings,
    clock: Clock,
    *,
    initialise: bool = False,
    kek: KeyEncryptionKey | None = None,
    kinds: Sequence[EngineKind] = opening.KINDS,
) -> Vault:
    """Open the vault that the settings name.

    Args:
        settings: the vault's settings.
        clock: the only clock of the process.
        initialise: whether an empty store is first initialised as a new vault.
        kek: the master key; by default from the key provider of the settings.
        kinds: the kinds of store that a URL may name.

    Raises:
        SettingsError: a setting cannot be used.
        KeyProviderError: the master key cannot be reached.
        KeyUnavailableError: the master key is that of another vault.
        StoreError: a database is missing, or cannot be used.
    """
    kek = kek or key_provider(settings)
    async with AsyncExitStack() as undo:
        engine, tsp_engine = await open_engines(settings, new=initialise, kinds=kinds)
        undo.push_async_callback(engine.close)
        undo_tsp = await undo.enter_async_context(AsyncExitStack())
        undo_tsp.push_async_callback(tsp_engine.close)
        if not initialise and await _is_empty(engine):
            raise StoreError("the store contains no vault yet", hint="run `tokenvault init DIR` first")
        services = await open_token_services(settings, clock, kek, tsp_engine, new=initialise, kinds=kinds)
        undo_tsp.pop_all()  # from here on the provider `local` closes its database
        for provider in services.providers:
            undo.push_async_callback(provider.close)
        vault = await _assemble(
            settings,
            clock,
            kek,
            engine,
            services,
            supports_many_processes=single_process_kind(settings, kinds) is None,
        )
        undo.pop_all()
    return vault


async def _assemble(
    settings: Settings,
    clock: Clock,
    kek: KeyEncryptionKey,
    engine: Engine,
    services: TokenServices,
    *,
    supports_many_processes: bool,
) -> Vault:
    vault_id = await initialise_vault(engine, kek, clock)
    providers = services.providers
    keyring = Keyring(kek, KeyTable(engine), vault_id)
    await _check_master_key(keyring)
    await _check_row_tags(keyring)
    watch = KeyWatch(KeyTable(engine), keyring)
    sealer = RecordSealer(keyring, vault_id)
    row_tags = RowTags(keyring, vault_id)
    audit = AuditTrail(engine, keyring, vault_id, clock, anchor_file(settings))
    limits = Limits(settings.instruments_per_customer, settings.tombstone_days)
    webhook_events = WebhookEvents(engine, sealer, clock, settings.webhook_keep_days)
    enrolments = Enrolments(engine, sealer, providers, clock)
    instruments = Instruments(engine, sealer, row_tags, providers, enrolments, audit, webhook_events, clock, limits)
    token_events = TokenEvents(engine, sealer, row_tags, audit, webhook_events, clock)
    connector = _connector(settings)
    schedule = schedule_of(settings.webhook_retry_minutes)
    metrics = BackgroundMetrics(lambda: audit.checkpoints.unsigned_seconds, lambda: audit.anchor.state.is_wrong)
    merchants = Merchants(engine, keyring, sealer, row_tags, audit, clock)
    partners = Partners(engine, sealer, row_tags, audit, clock)
    client_signatures = ClientSignatures(engine, keyring, audit, clock)
    outbox_tasks = OutboxWorker(engine, enrolments, clock)
    webhooks = Webhooks(engine, sealer, row_tags, audit, clock, connector.policy.target)
    own_limits = OwnLimits(engine, row_tags, audit, clock)
    account_states = AccountStates(engine, merchants, partners, row_tags, audit, clock)
    vault = Vault(
        settings=settings,
        clock=clock,
        vault_id=vault_id,
        engine=engine,
        keyring=keyring,
        sealer=sealer,
        row_tags=row_tags,
        audit=audit,
        merchants=merchants,
        partners=partners,
        client_signatures=client_signatures,
        account_states=account_states,
        removals=Removals(
            engine,
            account_states,
            merchants,
            partners,
            client_signatures,
            instruments,
            own_limits,
            webhooks,
            outbox_tasks,
        ),
        instruments=instruments,
        cryptograms=Cryptograms(instruments, sealer, providers, token_events, audit, clock),
        outbox_tasks=outbox_tasks,
        webhook_events=webhook_events,
        webhooks=webhooks,
        deliveries=Deliveries(engine, sealer, row_tags, connector, schedule, clock, metrics, DeliveryLimits()),
        background_metrics=metrics,
        idempotency_keys=IdempotencyKeys(engine, sealer, clock),
        own_limits=own_limits,
        rate_leases=RateLeases(engine) if supports_many_processes else None,
        daily_keys=DailyKeys(engine, keyring, watch, audit, clock),
        key_watches=(watch, *services.key_watches),
        local_services=services.local,
        local_engines=services.engines,
        providers=providers,
        token_events=token_events,
        suspensions=Suspensions(instruments, sealer, providers, token_events),
        supports_many_processes=supports_many_processes,
        kek=kek,
    )
    vault.watch_unreadable(metrics.unreadable_record)
    return vault


def _connector(settings: Settings) -> Connector:
    return connector_of(
        settings.webhook_networks,
        allows_http=settings.webhook_http,
        deadline_seconds=settings.webhook_deadline_seconds,
        ca=settings.webhook_ca,
        concurrent_names=DeliveryLimits().concurrent_endpoints,
    )


def key_provider(settings: Settings) -> KeyEncryptionKey:
    """Return the provider of the master key.

    Raises:
        SettingsError: no key provider is configured.
    """
    if not settings.key_provider:
        raise SettingsError(
            "no key provider is configured",
            hint="set key_provider to where this vault's master key is; `tokenvault init DIR` makes a new vault",
        )
    return provider_from(settings.key_provider, passphrase=settings.secret_passphrase())


def anchor_file(settings: Settings) -> Path | None:
    """Return the file outside the database that keeps the newest audit checkpoint, or None without one."""
    return Path(settings.audit_anchor) if settings.audit_anchor else None


def _unusable(which: str, error: KeyUnavailableError) -> KeyUnavailableError:
    return KeyUnavailableError(hint=f"{which} cannot be used: {error.hint}; `tokenvault doctor --deep` checks all keys")


async def _is_empty(engine: Engine) -> bool:
    try:
        return await KeyTable(engine).vault_id() is None
    except SchemaMissingError:
        return True  # the table does not exist yet


async def first_tags(settings: Settings, engine: Engine, clock: Clock) -> FirstTags:
    """Return what gives the rows of an older vault their first tags; the schema of its database is of this version."""
    table = KeyTable(engine)
    vault_id = VaultId(await table.vault_id() or "")
    keyring = Keyring(key_provider(settings), table, vault_id)
    audit = AuditTrail(engine, keyring, vault_id, clock, anchor_file(settings))
    return FirstTags(engine, keyring, RowTags(keyring, vault_id), audit, clock)


async def _check_row_tags(keyring: Keyring) -> None:
    """Fail at start when no row could be accepted: the vault is older than row tags, or their key is gone."""
    try:
        await keyring.active(Purpose.ROW)
    except KeyUnavailableError as error:
        raise KeyUnavailableError(
            hint=f"run `tokenvault migrate` to tag the rows of this vault: {error.hint}"
        ) from error


async def _check_master_key(keyring: Keyring) -> None:
    """Fail at start, instead of at the first call, when the provider has the master key of another vault."""
    try:
        await keyring.active(Purpose.AUDIT)
    except KeyUnavailableError as error:
        raise KeyUnavailableError(hint=f"the key provider does not open this vault: {error.hint}") from error
