"""The acts on orders and payments, for the API's handlers and for the bank's page."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from tokenvault_server.database.engine import Engine, Unit
from tokenvault_server.domain import randomness
from tokenvault_server.domain.card import Expiry, Pan
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import CustomerId, MerchantId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.emulator.payments import requests, states
from tokenvault_server.emulator.payments.bank import Bank
from tokenvault_server.emulator.payments.errors import PaymentNotFoundError
from tokenvault_server.emulator.payments.ledger import Ledger, OpenOrder
from tokenvault_server.emulator.payments.records import (
    Channel,
    Decline,
    Order,
    Payment,
    PaymentStatus,
    Refund,
)
from tokenvault_server.emulator.payments.states import Answer
from tokenvault_server.emulator.payments.store import OrderKey, page_lookup, payment_lookup
from tokenvault_server.errors import StaleReadError, VaultError
from tokenvault_server.keys.packed import unpacked
from tokenvault_server.tsp.provider import CardDetails, Evidence, ProvisionRequest
from tokenvault_server.vault.instruments import Instruments

logger = logging.getLogger(__name__)

CONSENT: Final = "save_instrument"
"""The version of the consent text of cards that are saved with a payment: the flag with which the merchant says so."""
_SAVE_ATTEMPTS: Final = 3


@dataclass(frozen=True, slots=True)
class Payments:
    """Creates orders, pays and refunds them."""

    ledger: Ledger
    bank: Bank
    instruments: Instruments
    vault_engine: Engine
    clock: Clock

    async def create(self, merchant_id: MerchantId, new: requests.NewOrder) -> Order:
        """Create an order."""
        now = self.clock.now()
        order = Order(
            merchant_id=merchant_id,
            order_id=new.order_id or f"order_{randomness.token_hex(12)}",
            cf_order_id=_cf_id(),
            session_id=f"session_{randomness.token_urlsafe(48)}",
            amount=new.amount,
            currency=new.currency,
            customer=new.customer,
            created_at=now,
            expires_at=new.expires_at,
            note=new.note,
            tags=new.tags,
            return_url=new.return_url,
            notify_url=new.notify_url,
        )
        await self.ledger.add(order)
        return order

    async def pay(self, caller: Caller, key: OrderKey, new: requests.NewPayment) -> tuple[Order, Payment]:
        """Start a payment."""
        now = self.clock.now()
        async with self.ledger.open(key) as opened:
            facts, kept = await self.bank.card_of(caller, opened.order, new, now)
            by_otp = new.channel is Channel.POST
            payment = Payment(
                cf_payment_id=_cf_id(),
                status=PaymentStatus.PENDING if by_otp else PaymentStatus.NOT_ATTEMPTED,
                channel=new.channel,
                means=new.means,
                card=facts,
                started_at=now,
                ends_at=now + (states.OTP_TIME if by_otp else states.PAGE_TIME),
                page_token=randomness.token_urlsafe(24),
                secrets=kept,
                save=new.save,
                instrument_id=new.instrument_id or "",
                otp_sent_at=now,
            )
            order = states.start(opened.order, payment)
            lookups = [payment_lookup(payment.cf_payment_id), page_lookup(payment.page_token)]
            return await opened.put(order, lookups), payment

    async def submit_otp(self, caller: Caller, key: OrderKey, cf_payment_id: str, otp: str) -> tuple[Payment, Answer]:
        """Submit a one-time password; after the right one, authorise the payment and end it."""
        async with self.ledger.open(key) as opened:
            payment = _found(opened.order, cf_payment_id)
            order, answer = states.submit_otp(opened.order, payment, otp, self.clock.now())
            await opened.put(order)
            if answer is Answer.RIGHT:
                await self._complete(caller, opened, payment)
            return _found(opened.order, cf_payment_id), answer

    async def resend_otp(self, key: OrderKey, cf_payment_id: str) -> Payment:
        """Send a one-time password again."""
        async with self.ledger.open(key) as opened:
            payment = _found(opened.order, cf_payment_id)
            await opened.put(states.resend_otp(opened.order, payment, self.clock.now()))
            return payment

    async def open_page(self, key: OrderKey, cf_payment_id: str) -> tuple[Order, Payment]:
        """Note that the bank's page was opened."""
        async with self.ledger.open(key) as opened:
            order = await opened.put(states.open_page(opened.order, _found(opened.order, cf_payment_id)))
            return order, _found(order, cf_payment_id)

    async def drop(self, key: OrderKey, cf_payment_id: str) -> None:
        """End a payment because its customer left it."""
        async with self.ledger.open(key) as opened:
            payment = _found(opened.order, cf_payment_id)
            await opened.put(states.drop(opened.order, payment, self.clock.now()))

    async def simulate(self, caller: Caller, key: OrderKey, new: requests.NewSimulation) -> None:
        """End a payment as a simulation says; PENDING leaves it as it is."""
        async with self.ledger.open(key) as opened:
            payment, now = _found(opened.order, new.cf_payment_id), self.clock.now()
            if new.status is PaymentStatus.SUCCESS:
                await self._complete(caller, opened, payment)
            elif new.status is PaymentStatus.FAILED:
                await opened.put(states.fail(opened.order, payment, now, _simulated(new.error_code)))
            elif new.status is PaymentStatus.USER_DROPPED:
                await opened.put(states.drop(opened.order, payment, now))
            else:
                await opened.put(states.open_page(opened.order, payment))

    async def terminate(self, key: OrderKey) -> Order:
        """End an order."""
        async with self.ledger.open(key) as opened:
            return await opened.put(states.terminate(opened.order))

    async def refund(self, key: OrderKey, new: requests.NewRefund) -> tuple[Order, Refund]:
        """Refund an order, or a part of it."""
        async with self.ledger.open(key) as opened:
            now, paid = self.clock.now(), opened.order.paid
            refund = Refund(
                refund_id=new.refund_id or f"refund_{randomness.token_hex(12)}",
                cf_refund_id=_cf_id(),
                cf_payment_id=paid.cf_payment_id if paid else "",
                amount=new.amount,
                note=new.note,
                speed=new.speed,
                created_at=now,
                processes_at=now + states.REFUND_TIME[new.speed],
            )
            order = await opened.put(states.refund(opened.order, refund))
            return order, order.refund(refund.refund_id) or refund

    async def _complete(self, caller: Caller, opened: OpenOrder, payment: Payment) -> None:
        """Authorise a payment, end it, and save its card if the customer agreed."""
        now = self.clock.now()
        if payment.status.is_final or opened.order.paid:
            await opened.put(states.succeed(opened.order, payment, now))  # says that it has ended, or that it is late
            return
        decline = await self.bank.authorise(caller, opened.order, payment)
        if decline:
            await opened.put(states.fail(opened.order, payment, now, decline))
            return
        await opened.put(states.succeed(opened.order, payment, now))
        instrument_id = await self._save_card(caller, opened.order, payment) if payment.save else ""
        if instrument_id:
            ended = _found(opened.order, payment.cf_payment_id)
            await opened.put(states.saved(opened.order, ended, instrument_id))

    async def _save_card(self, caller: Caller, order: Order, payment: Payment) -> str:
        """Save the card of a payment that succeeded, which proves it; return its id, or nothing if it is not saved.

        The payment stands whether its card is saved or not. The vault's own event says which.
        """
        if payment.secrets is None:
            return ""
        card = CardDetails(Pan(unpacked(payment.secrets.number)), Expiry(payment.secrets.year, payment.secrets.month))
        evidence = Evidence(payment.cf_payment_id, payment.started_at, CONSENT)
        request = ProvisionRequest(
            card, MerchantId(order.merchant_id), CustomerId(order.customer.customer_id), evidence
        )
        try:
            return await self._saved(caller, request)
        except VaultError as error:
            logger.warning("the card of a payment was not saved", extra={"reason": error.hint or error.message})
            return ""

    async def _saved(self, caller: Caller, request: ProvisionRequest) -> str:
        for attempt in range(1, _SAVE_ATTEMPTS + 1):
            unit = Unit(self.vault_engine)
            saved = await self.instruments.save(caller, unit, request)
            try:
                await unit.commit()
            except StaleReadError:
                if attempt == _SAVE_ATTEMPTS:
                    raise
            else:
                return saved.instrument.instrument_id
        return ""


def _found(order: Order, cf_payment_id: str) -> Payment:
    payment = order.payment(cf_payment_id)
    if payment is None:
        raise PaymentNotFoundError
    return payment


def _simulated(error_code: str | None) -> Decline:
    return Decline(
        error_code or "TRANSACTION_DECLINED",
        "issuer bank or payment service provider declined the transaction",
        "auth_declined",
        "bank",
        "simulated",
        "the payment was made to fail by Simulate Payment",
    )


def _cf_id() -> str:
    """Return an id as Cashfree makes them: ten digits."""
    return str(10**9 + randomness.randbelow(9 * 10**9))
