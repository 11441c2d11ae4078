"""The webhook events of payments and refunds, in the shape of one webhook version, on the vault's own queue."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET

from tokenvault_contract import payment_webhooks as wire
from tokenvault_contract.payment_entities import (
    InternationalPaymentEntity,
    PaymentEntityPaymentSurcharge,
    PaymentGatewayDetails,
)
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.emulator.payments import states
from tokenvault_server.emulator.payments.records import Order, Payment, PaymentStatus, Refund
from tokenvault_server.emulator.payments.wire import card_method, error_details, in_india, payment_group
from tokenvault_server.vault.webhook_events import WebhookEvents

_TYPES: Final = {
    PaymentStatus.SUCCESS: wire.PAYMENT_SUCCESS,
    PaymentStatus.FAILED: wire.PAYMENT_FAILED,
    PaymentStatus.USER_DROPPED: wire.PAYMENT_USER_DROPPED,
}
_NEWEST: Final = wire.VERSIONS[-1]

_encode = msgspec.json.Encoder().encode


class PaymentEvents:
    """Queues one event for every payment and every refund that ends."""

    def __init__(self, webhook_events: WebhookEvents, clock: Clock) -> None:
        """Queue events with those about saved cards."""
        self._webhook_events = webhook_events
        self._clock = clock

    async def of_change(self, before: Order | None, after: Order) -> None:
        """Queue the events of what ended between two states of an order."""
        payments, refunds = states.ended_since(before, after)
        now = self._clock.now()
        merchant_id = MerchantId(after.merchant_id)
        for payment in payments:
            body = payment_body(after, payment, now)
            await self._webhook_events.add(merchant_id, payment.cf_payment_id, _TYPES[payment.status], body)
        for refund in refunds:
            await self._webhook_events.add(
                merchant_id, refund.cf_payment_id, wire.REFUND_STATUS, refund_body(after, refund, now)
            )


def payment_body(order: Order, payment: Payment, now: int, version: str = _NEWEST) -> bytes:
    """Return the body of the event that a payment ended, as a webhook version shows it."""
    is_new = version == _NEWEST
    shown = wire.WebhookPayment(
        cf_payment_id=payment.cf_payment_id,
        payment_status=payment.status.value,
        payment_amount=wire.amount(order.amount),
        payment_currency=order.currency,
        payment_message=payment.message,
        payment_time=in_india(payment.completed_at or now),
        bank_reference=payment.bank_reference,
        auth_id=payment.auth_id,
        payment_method=card_method(payment),
        payment_group=payment_group(payment),
        international_payment=InternationalPaymentEntity(international=False) if is_new else UNSET,
        payment_surcharge=PaymentEntityPaymentSurcharge(0.0, 0.0) if is_new else UNSET,
    )
    customer = order.customer
    data = wire.PaymentEventData(
        order=wire.WebhookOrder(order.order_id, wire.amount(order.amount), order.currency, order.tags),
        payment=shown,
        customer_details=wire.WebhookCustomer(customer.name, customer.customer_id, customer.email, customer.phone),
        error_details=error_details(payment.decline) or UNSET,
        payment_gateway_details=PaymentGatewayDetails(
            gateway_name="CASHFREE",
            gateway_order_id=order.cf_order_id,
            gateway_payment_id=payment.cf_payment_id,
            gateway_settlement="CASHFREE",
        ),
    )
    return _encode(wire.PaymentEvent(data, in_india(now), _TYPES[payment.status]))


def refund_body(order: Order, refund: Refund, now: int, version: str = _NEWEST) -> bytes:
    """Return the body of the event that a refund ended, as a webhook version shows it."""
    is_new = version == _NEWEST
    shown = wire.WebhookRefund(
        cf_refund_id=int(refund.cf_refund_id),
        cf_payment_id=int(refund.cf_payment_id),
        refund_id=refund.refund_id,
        order_id=order.order_id,
        refund_amount=wire.amount(refund.amount),
        refund_currency=order.currency,
        entity="Refund",
        refund_type="MERCHANT_INITIATED",
        refund_arn=refund.arn,
        refund_status=refund.status.value,
        status_description="Refund processed successfully",
        created_at=in_india(refund.created_at),
        processed_at=None if refund.processed_at is None else in_india(refund.processed_at),
        refund_note=refund.note,
        refund_splits=[],
        refund_charge=UNSET if is_new else 0.0,
        metadata=UNSET if is_new else None,
        refund_mode=UNSET if is_new else refund.speed,
        requested_speed=refund.speed if is_new else UNSET,
        processed_speed=refund.speed if is_new else UNSET,
        service_charge=wire.amount(0) if is_new else UNSET,
        service_tax=wire.amount(0) if is_new else UNSET,
    )
    return _encode(wire.RefundEvent(wire.RefundEventData(shown), in_india(now), wire.REFUND_STATUS))
