"""Opens the journey of an emulator: its database, its extension of the API, its pages and its periodic task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tokenvault_contract import payment_operations as operations
from tokenvault_contract.payment_operations import PAYMENT_OPERATIONS
from tokenvault_server.api.extension import Extension
from tokenvault_server.background import PeriodicTask
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.migrate import migrate
from tokenvault_server.domain.clock import Clock
from tokenvault_server.emulator.payments import versions
from tokenvault_server.emulator.payments.bank import Bank, TokenService
from tokenvault_server.emulator.payments.events import PaymentEvents
from tokenvault_server.emulator.payments.handlers import PaymentHandlers
from tokenvault_server.emulator.payments.ledger import Ledger
from tokenvault_server.emulator.payments.not_emulated import explain
from tokenvault_server.emulator.payments.page import App, BankPages
from tokenvault_server.emulator.payments.service import Payments
from tokenvault_server.emulator.payments.store import PACKAGE
from tokenvault_server.vault.cryptograms import Cryptograms
from tokenvault_server.vault.instruments import Instruments
from tokenvault_server.vault.merchants import Merchants
from tokenvault_server.vault.record_sealer import RecordSealer
from tokenvault_server.vault.webhook_events import WebhookEvents

FILE: Final = "payments.db"
"""The database, in the emulator's directory. All that the journey keeps is in it."""
_ADVANCE_SECONDS: Final = 1.0
_SCRUB_SECONDS: Final = 5.0  # as for the vault's own databases

BUDGETS: Final[Mapping[str, int]] = {
    operations.CREATE_ORDER.key: 200,
    operations.FETCH_ORDER.key: 400,
    operations.TERMINATE_ORDER.key: 200,
    operations.FETCH_PAYMENTS.key: 100,
    operations.FETCH_PAYMENT.key: 130,
    operations.CREATE_REFUND.key: 100,
    operations.FETCH_REFUNDS.key: 30,
    operations.FETCH_REFUND.key: 30,
    operations.SIMULATE_PAYMENT.key: 100,
    operations.FETCH_SIMULATION.key: 100,
}
"""Calls per minute, as Cashfree publishes them for production; terminations and simulations have none published."""


@dataclass(frozen=True, slots=True)
class VaultParts:
    """The parts of the vault that the journey uses: it saves cards and pays with them like any merchant."""

    engine: Engine
    sealer: RecordSealer
    merchants: Merchants
    instruments: Instruments
    cryptograms: Cryptograms
    webhook_events: WebhookEvents
    clock: Clock


class Journey:
    """Orders and payments of an emulator."""

    def __init__(self, engine: Engine, vault: VaultParts, token_service: TokenService, *, strict: bool) -> None:
        """Keep orders in `engine`, which `close` closes."""
        self._engine = engine
        ledger = Ledger(engine, vault.sealer, PaymentEvents(vault.webhook_events, vault.clock), vault.clock)
        bank = Bank(vault.engine, vault.instruments, vault.cryptograms, token_service)
        self.payments = Payments(ledger, bank, vault.instruments, vault.engine, vault.clock)
        handlers = PaymentHandlers(self.payments, engine, vault.merchants, strict=strict)
        self.extension = Extension(
            operations=PAYMENT_OPERATIONS,
            explain=explain,
            reads=handlers.reads,
            acts=handlers.acts,
            changes=versions.together(),
            budgets=BUDGETS,
            caller_of_session=handlers.caller_of_session,
        )
        """What the API gets."""

    @property
    def engine(self) -> Engine:
        """The database of orders."""
        return self._engine

    def with_pages(self, app: App) -> App:
        """Put the bank's page in front of the API."""
        return BankPages(app, self.payments)

    def tasks(self) -> tuple[PeriodicTask, ...]:
        """Return the tasks that drop, expire and refund what is due, and clear the database's own log."""
        advance = PeriodicTask(_ADVANCE_SECONDS, self.payments.ledger.advance)
        return advance, PeriodicTask(_SCRUB_SECONDS, self._engine.scrub)

    async def reset(self) -> None:
        """Forget all orders, payments, refunds and simulations."""
        await self.payments.ledger.reset()

    async def close(self) -> None:
        """Close the database."""
        await self._engine.close()


async def open_journey(engine: Engine, vault: VaultParts, token_service: TokenService, *, strict: bool) -> Journey:
    """Bring the database up to date and open the journey on it."""
    await migrate(engine, PACKAGE, vault.clock.now())
    return Journey(engine, vault, token_service, strict=strict)
