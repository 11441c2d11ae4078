"""Open a vault by calling the constructors of its components."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from tokenvault_server.bootstrap.seams import Seams
from tokenvault_server.bootstrap.stores import open_engines, single_process_kind
from tokenvault_server.bootstrap.token_services import TokenServices, open_token_services
from tokenvault_server.bootstrap.tracing import traced_engine, traced_kek
from tokenvault_server.bootstrap.vault import Vault, anchor_file
from tokenvault_server.database import opening
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.key_table import KeyTable
from tokenvault_server.database.kind import EngineKind
from tokenvault_server.domain.clock import SECOND, Clock
from tokenvault_server.domain.identifiers import VaultId
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.errors import KeyUnavailableError, SchemaMissingError, SettingsError, StoreError
from tokenvault_server.keys.kek import KeyEncryptionKey
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.keys.providers import provider_from
from tokenvault_server.settings import Settings
from tokenvault_server.telemetry.background_metrics import BackgroundMetrics
from tokenvault_server.vault.account_states import AccountStates
from tokenvault_server.vault.audit import AuditTrail
from tokenvault_server.vault.client_signatures import ClientSignatures
from tokenvault_server.vault.cryptograms import Cryptograms
from tokenvault_server.vault.daily_keys import DailyKeys
from tokenvault_server.vault.deliveries import Deliveries, DeliveryLimits
from tokenvault_server.vault.enrolments import Enrolments
from tokenvault_server.vault.figures import Figures
from tokenvault_server.vault.first_tags import FirstTags
from tokenvault_server.vault.idempotency import IdempotencyKeys
from tokenvault_server.vault.initialisation import initialise_vault
from tokenvault_server.vault.instruments import Instruments, Limits
from tokenvault_server.vault.key_watch import KeyWatch
from tokenvault_server.vault.merchants import Merchants
from tokenvault_server.vault.outbox import OutboxWorker
from tokenvault_server.vault.partners import Partners
from tokenvault_server.vault.rate_leases import RateLeases
from tokenvault_server.vault.rate_limits import OwnLimits
from tokenvault_server.vault.record_sealer import RecordSealer
from tokenvault_server.vault.row_tags import RowTags
from tokenvault_server.vault.suspensions import Suspensions
from tokenvault_server.vault.token_events import TokenEvents
from tokenvault_server.vault.webhook_events import WebhookEvents
from tokenvault_server.vault.webhooks import Webhooks
from tokenvault_server.webhooks.schedule import schedule_of
from tokenvault_server.webhooks.sending import Connector
from tokenvault_server.webhooks.setup import connector_of

if TYPE_CHECKING:
    from tokenvault_server.telemetry.tracing import Tracing


_NO_SEAMS = Seams()


async def open_vault(
    settings: Settings,
    clock: Clock,
    *,
    initialise: bool = False,
    kek: KeyEncryptionKey | None = None,
    kinds: Sequence[EngineKind] = opening.KINDS,
    tracing: Tracing | None = None,
    seams: Seams = _NO_SEAMS,
) -> Vault:
    """Open the vault that the settings name.

    Args:
        settings: the vault's settings.
        clock: the only clock of the process.
        initialise: whether an empty store is first initialised as a new vault.
        kek: the master key; by default from the key provider of the settings.
        kinds: the kinds of store that a URL may name.
        tracing: what makes spans, where tracing is on; the caller closes it after the vault.
        seams: what stands in front of providers and webhook endpoints, in an emulator.

    Raises:
        SettingsError: a setting cannot be used.
        KeyProviderError: the master key cannot be reached.
        KeyUnavailableError: the master key is that of another vault.
        StoreError: a database is missing, or cannot be used.
    """
    kek = traced_kek(kek or key_provider(settings), tracing)
    async with AsyncExitStack() as undo:
        engine, tsp_engine = await open_engines(settings, new=initialise, kinds=kinds)
        undo.push_async_callback(engine.close)
        undo_tsp = await undo.enter_async_context(AsyncExitStack())
        undo_tsp.push_async_callback(tsp_engine.close)
        if not initialise and await _is_empty(engine):
            raise StoreError(
                "the store contains no vault yet",
                hint="run `tokenvault init DIR` first; repeat `tokenvault restore` if that was interrupted",
            )
        engine = traced_engine(engine, tracing, url=settings.store, store="vault", kinds=kinds)
        services = await open_token_services(
            settings, clock, kek, tsp_engine, new=initialise, kinds=kinds, tracing=tracing, wrap=seams.provider
        )
        undo_tsp.pop_all()  # from here on the provider `local` closes its database
        for provider in services.providers:
            undo.push_async_callback(provider.close)
        shared = single_process_kind(settings, kinds) is None
        connector = seams.connector(_connector(settings, tracing))
        vault = await _assemble(settings, clock, kek, engine, services, connector, shared=shared)
        undo.pop_all()
    vault.watch_unreadable(vault.background_metrics.unreadable_record)
    return vault


async def _assemble(
    settings: Settings,
    clock: Clock,
    kek: KeyEncryptionKey,
    engine: Engine,
    services: TokenServices,
    connector: Connector,
    *,
    shared: bool,
) -> Vault:
    """Build the components; `shared` says whether several processes may serve the stores at the same time."""
    vault_id, keyring = await _keyring(engine, kek, clock)
    providers = services.providers
    watch = KeyWatch(KeyTable(engine), keyring)
    sealer = RecordSealer(keyring, vault_id)
    row_tags = RowTags(keyring, vault_id)
    audit = AuditTrail(engine, keyring, vault_id, clock, anchor_file(settings))
    webhook_events = WebhookEvents(engine, sealer, clock, settings.webhook_keep_days)
    enrolments = Enrolments(engine, sealer, providers, clock)
    limits = Limits(settings.instruments_per_customer, settings.tombstone_days)
    instruments = Instruments(engine, sealer, row_tags, providers, enrolments, audit, webhook_events, clock, limits)
    token_events = TokenEvents(engine, sealer, row_tags, audit, webhook_events, clock)
    metrics = _background_metrics(audit, clock)
    merchants = Merchants(engine, keyring, sealer, row_tags, audit, clock)
    partners = Partners(engine, sealer, row_tags, audit, clock)
    schedule = schedule_of(settings.webhook_retry_minutes)
    return Vault(
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
        client_signatures=ClientSignatures(engine, keyring, audit, clock),
        account_states=AccountStates(engine, merchants, partners, row_tags, audit, clock),
        instruments=instruments,
        cryptograms=Cryptograms(instruments, sealer, providers, token_events, audit, clock),
        outbox_tasks=OutboxWorker(engine, enrolments, clock),
        webhook_events=webhook_events,
        webhooks=Webhooks(engine, sealer, row_tags, audit, clock, connector.policy.target),
        deliveries=Deliveries(engine, sealer, row_tags, connector, schedule, clock, metrics, DeliveryLimits()),
        background_metrics=metrics,
        figures=Figures(engine, services.engines, kek, clock, metrics),
        idempotency_keys=IdempotencyKeys(engine, sealer, clock),
        own_limits=OwnLimits(engine, row_tags, audit, clock),
        rate_leases=RateLeases(engine) if shared else None,
        daily_keys=DailyKeys(engine, keyring, watch, audit, clock),
        key_watches=(watch, *services.key_watches),
        local_services=services.local,
        local_engines=services.engines,
        providers=providers,
        token_events=token_events,
        suspensions=Suspensions(instruments, sealer, providers, token_events),
        supports_many_processes=shared,
        kek=kek,
    )


async def _keyring(engine: Engine, kek: KeyEncryptionKey, clock: Clock) -> tuple[VaultId, Keyring]:
    """Return the vault's id and keys; fail at start if they cannot be used."""
    vault_id = await initialise_vault(engine, kek, clock)
    keyring = Keyring(kek, KeyTable(engine), vault_id)
    await _check_master_key(keyring)
    await _check_row_tags(keyring)
    return vault_id, keyring


def _background_metrics(audit: AuditTrail, clock: Clock) -> BackgroundMetrics:
    return BackgroundMetrics(
        lambda: audit.checkpoints.unsigned_seconds, lambda: audit.anchor.state.is_wrong, lambda: clock.now() / SECOND
    )


def _connector(settings: Settings, tracing: Tracing | None) -> Connector:
    return connector_of(
        settings.webhook_networks,
        allows_http=settings.webhook_http,
        deadline_seconds=settings.webhook_deadline_seconds,
        ca=settings.webhook_ca,
        concurrent_names=DeliveryLimits().concurrent_endpoints,
        tracing=tracing,
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
