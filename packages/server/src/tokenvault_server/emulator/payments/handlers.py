"""Translates between the calls of the order-and-pay API and the acts on orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tokenvault_contract import payment_operations as operations
from tokenvault_contract.operations import BASE_PATH
from tokenvault_contract.payment_entities import (
    OrderAuthenticateEntity,
    OrderEntity,
    OrderPayData,
    PaymentEntity,
    PayOrderEntity,
    RefundEntity,
    SimulationResponse,
)
from tokenvault_server.api import documented_limits
from tokenvault_server.api.call import Call, Request
from tokenvault_server.api.handlers import Act, Read
from tokenvault_server.database.engine import Engine, Unit, single_statement
from tokenvault_server.domain import randomness
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.merchant import AccountState, Caller
from tokenvault_server.emulator.payments import requests, store, wire
from tokenvault_server.emulator.payments.errors import (
    PaymentNotFoundError,
    RefundNotFoundError,
    SimulationNotFoundError,
)
from tokenvault_server.emulator.payments.page import PAGE_PATH, host_of
from tokenvault_server.emulator.payments.records import Channel, Payment, PaymentStatus, Simulation
from tokenvault_server.emulator.payments.service import Payments
from tokenvault_server.emulator.payments.states import Answer
from tokenvault_server.emulator.payments.store import OrderKey
from tokenvault_server.errors import BodyTooLargeError, InvalidFieldError, MerchantSuspendedError
from tokenvault_server.vault.merchants import Merchants

ACTOR: Final = "payment_session"
"""Who acts, in the audit trail, when a call carries no credentials."""

_MESSAGES: Final = {
    PaymentStatus.SUCCESS: "payment successful",
    PaymentStatus.FAILED: "payment failed",
    PaymentStatus.USER_DROPPED: "payment was dropped",
}


class PaymentHandlers:
    """The handler of each operation in the table of payments."""

    def __init__(self, payments: Payments, engine: Engine, merchants: Merchants, *, strict: bool = False) -> None:
        """Keep simulations in `engine`, the database of the orders; `strict` as for the vault's own operations."""
        self._payments = payments
        self._engine = engine
        self._merchants = merchants
        self._strict = strict
        self.reads: Mapping[str, Read] = {
            operations.FETCH_ORDER.key: self.fetch_order,
            operations.FETCH_PAYMENTS.key: self.fetch_payments,
            operations.FETCH_PAYMENT.key: self.fetch_payment,
            operations.FETCH_REFUNDS.key: self.fetch_refunds,
            operations.FETCH_REFUND.key: self.fetch_refund,
            operations.FETCH_SIMULATION.key: self.fetch_simulation,
        }
        self.acts: Mapping[str, Act] = {
            operations.CREATE_ORDER.key: self.create_order,
            operations.TERMINATE_ORDER.key: self.terminate_order,
            operations.PAY_ORDER.key: self.pay_order,
            operations.AUTHENTICATE_PAYMENT.key: self.authenticate_payment,
            operations.CREATE_REFUND.key: self.create_refund,
            operations.SIMULATE_PAYMENT.key: self.simulate_payment,
        }

    async def caller_of_session(self, request: Request) -> Caller:
        """Return the merchant whose order a call without credentials is about.

        Raises:
            InvalidFieldError: the session is not one of this emulator.
            PaymentNotFoundError: there is no such payment.
        """
        key = await self._key_of_session(request)
        merchant = await self._merchants.load(key.merchant_id)
        caller = Caller(key.merchant_id, ACTOR, request.origin, request.request_id)
        if merchant is None or merchant.state is not AccountState.ACTIVE:
            caller.suspended = MerchantSuspendedError
        return caller

    async def _key_of_session(self, request: Request) -> OrderKey:
        if request.operation_key == operations.AUTHENTICATE_PAYMENT.key:
            return await self._key_of_payment(request.path[0])
        body = request.body
        if body is None:
            raise BodyTooLargeError
        return await self._key_of_order_pay(body)

    async def _key_of_payment(self, cf_payment_id: str) -> OrderKey:
        key = await self._payments.ledger.find(store.payment_lookup(cf_payment_id))
        if key is None:
            raise PaymentNotFoundError
        return key

    async def _key_of_order_pay(self, body: bytes) -> OrderKey:
        key = await self._payments.ledger.find(store.session_lookup(requests.session_of(body)))
        if key is None:
            raise InvalidFieldError("payment_session_id", "is not present or is invalid")
        return key

    async def create_order(self, call: Call, _unit: Unit) -> OrderEntity:
        """Create an order."""
        new = requests.order(call.body, self._payments.clock.now())
        if self._strict:
            documented_limits.check_customer_id(new.customer.customer_id)
        return wire.order_entity(await self._payments.create(call.caller.merchant_id, new))

    async def fetch_order(self, call: Call) -> OrderEntity:
        """Return an order."""
        (order_id,) = call.path
        return wire.order_entity(await self._payments.ledger.load(call.caller.merchant_id, order_id))

    async def terminate_order(self, call: Call, _unit: Unit) -> OrderEntity:
        """End an order."""
        requests.termination(call.body)
        return wire.order_entity(await self._payments.terminate(_key(call)))

    async def pay_order(self, call: Call, _unit: Unit) -> PayOrderEntity:
        """Start a payment."""
        key = await self._key_of_order_pay(call.body)
        order, payment = await self._payments.pay(call.caller, key, requests.payment(call.body))
        return PayOrderEntity(
            payment_amount=wire.rupees(order.amount),
            cf_payment_id=payment.cf_payment_id,
            payment_method="card",
            channel=payment.channel.value,
            action=payment.channel.value,
            data=_next_step(payment, f"http://{host_of(call.request.header(b'host'))}"),
        )

    async def authenticate_payment(self, call: Call, _unit: Unit) -> OrderAuthenticateEntity:
        """Submit a one-time password, or send it again."""
        (cf_payment_id,) = call.path
        key = await self._key_of_payment(cf_payment_id)
        otp = requests.one_time_password(call.body)
        if otp is None:
            await self._payments.resend_otp(key, cf_payment_id)
            return OrderAuthenticateEntity(cf_payment_id, "RESEND_OTP", "SUCCESS", "otp is sent again")
        payment, answer = await self._payments.submit_otp(call.caller, key, cf_payment_id, otp)
        if answer is Answer.WRONG:
            return OrderAuthenticateEntity(cf_payment_id, "SUBMIT_OTP", "FAILED", "otp is invalid")
        return OrderAuthenticateEntity(cf_payment_id, "SUBMIT_OTP", "SUCCESS", _MESSAGES[payment.status])

    async def fetch_payments(self, call: Call) -> list[PaymentEntity]:
        """Return the payments of an order, newest first."""
        (order_id,) = call.path
        order = await self._payments.ledger.load(call.caller.merchant_id, order_id)
        return [wire.payment_entity(order, each) for each in reversed(order.payments)]

    async def fetch_payment(self, call: Call) -> PaymentEntity:
        """Return one payment."""
        order_id, cf_payment_id = call.path
        order = await self._payments.ledger.load(call.caller.merchant_id, order_id)
        payment = order.payment(cf_payment_id)
        if payment is None:
            raise PaymentNotFoundError
        return wire.payment_entity(order, payment)

    async def create_refund(self, call: Call, _unit: Unit) -> RefundEntity:
        """Refund an order, or a part of it."""
        order, refund = await self._payments.refund(_key(call), requests.refund(call.body))
        return wire.refund_entity(order, refund)

    async def fetch_refunds(self, call: Call) -> list[RefundEntity]:
        """Return the refunds of an order, oldest first."""
        (order_id,) = call.path
        order = await self._payments.ledger.load(call.caller.merchant_id, order_id)
        return [wire.refund_entity(order, each) for each in order.refunds]

    async def fetch_refund(self, call: Call) -> RefundEntity:
        """Return one refund."""
        order_id, refund_id = call.path
        order = await self._payments.ledger.load(call.caller.merchant_id, order_id)
        refund = order.refund(refund_id)
        if refund is None:
            raise RefundNotFoundError
        return wire.refund_entity(order, refund)

    async def simulate_payment(self, call: Call, _unit: Unit) -> SimulationResponse:
        """End a payment as a simulation says."""
        new = requests.simulation(call.body)
        key = await self._key_of_payment(new.cf_payment_id)
        if key.merchant_id != call.caller.merchant_id:
            raise PaymentNotFoundError
        await self._payments.simulate(call.caller, key, new)
        simulation = Simulation(f"sim_{randomness.token_hex(12)}", new.cf_payment_id, new.status.value, new.error_code)
        await self._engine.commit(single_statement(store.insert_simulation(call.caller.merchant_id, simulation)))
        return wire.simulation_entity(simulation)

    async def fetch_simulation(self, call: Call) -> SimulationResponse:
        """Return a simulation."""
        (simulation_id,) = call.path
        simulation = await store.load_simulation(self._engine, call.caller.merchant_id, simulation_id)
        if simulation is None:
            raise SimulationNotFoundError
        return wire.simulation_entity(simulation)


def _key(call: Call) -> OrderKey:
    return OrderKey(MerchantId(call.caller.merchant_id), call.path[0])


def _next_step(payment: Payment, origin: str) -> OrderPayData:
    """Return where the customer goes on: to the bank's page, or to the address that takes the one-time password."""
    page = f"{origin}{PAGE_PATH}{payment.page_token}"
    if payment.channel is Channel.LINK:
        return OrderPayData(url=page)
    path = operations.AUTHENTICATE_PAYMENT.path.format(cf_payment_id=payment.cf_payment_id)
    return OrderPayData(
        url=f"{origin}{BASE_PATH}{path}",
        payload={"action": "SUBMIT_OTP", "otp": ""},
        content_type="application/json",
        method="POST",
        redirect_to_bank=page,
    )
