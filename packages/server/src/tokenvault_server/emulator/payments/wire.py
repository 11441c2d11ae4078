"""Orders, payments and refunds in the names and formats of the API: the newest shape."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from tokenvault_contract.payment_entities import (
    CustomerDetailsResponse,
    EntitySimulationResponse,
    ErrorDetailsInPaymentsEntity,
    InternationalPaymentEntity,
    OrderEntity,
    OrderMeta,
    PaymentEntity,
    PaymentEntityPaymentSurcharge,
    PaymentGatewayDetails,
    PaymentMethodCardInPaymentsEntity,
    PaymentMethodCardInPaymentsEntityCard,
    RefundEntity,
    RefundSpeed,
    SimulationResponse,
)
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.emulator.payments.records import (
    Decline,
    Order,
    Payment,
    PaymentStatus,
    Refund,
    RefundStatus,
    Simulation,
)

_INDIA: Final = timezone(timedelta(hours=5, minutes=30))
_DESCRIPTIONS: Final = {RefundStatus.PENDING: "In Progress", RefundStatus.SUCCESS: "Refund processed successfully"}


def order_entity(order: Order) -> OrderEntity:
    """Return an order."""
    customer = order.customer
    return OrderEntity(
        cf_order_id=order.cf_order_id,
        order_id=order.order_id,
        entity="order",
        order_currency=order.currency,
        order_amount=rupees(order.amount),
        order_status=order.status.value,
        payment_session_id=order.session_id,
        order_expiry_time=in_india(order.expires_at),
        order_note=order.note,
        created_at=in_india(order.created_at),
        order_splits=[],
        customer_details=CustomerDetailsResponse(
            customer.customer_id, customer.email, customer.phone, customer.name, customer_uid=None
        ),
        order_meta=OrderMeta(return_url=order.return_url, notify_url=order.notify_url),
        order_tags=order.tags,
        products=None,
    )


def payment_entity(order: Order, payment: Payment) -> PaymentEntity:
    """Return a payment."""
    return PaymentEntity(
        cf_payment_id=payment.cf_payment_id,
        order_id=order.order_id,
        entity="payment",
        error_details=error_details(payment.decline),
        is_captured=payment.status is PaymentStatus.SUCCESS,
        order_amount=rupees(order.amount),
        payment_group=payment_group(payment),
        payment_currency=order.currency,
        payment_amount=rupees(order.amount),
        payment_time=in_india(payment.started_at),
        payment_completion_time=None if payment.completed_at is None else in_india(payment.completed_at),
        payment_status=payment.status.value,
        payment_message=payment.message,
        bank_reference=payment.bank_reference,
        auth_id=payment.auth_id,
        order_currency=order.currency,
        authorization=None,
        payment_method=card_method(payment),
        international_payment=InternationalPaymentEntity(international=False),
        payment_gateway_details=PaymentGatewayDetails(
            gateway_name="CASHFREE",
            gateway_order_id=order.cf_order_id,
            gateway_payment_id=payment.cf_payment_id,
            gateway_settlement="CASHFREE",
        ),
        payment_surcharge=PaymentEntityPaymentSurcharge(0.0, 0.0),
    )


def refund_entity(order: Order, refund: Refund) -> RefundEntity:
    """Return a refund."""
    is_done = refund.status is RefundStatus.SUCCESS
    return RefundEntity(
        cf_payment_id=refund.cf_payment_id,
        cf_refund_id=refund.cf_refund_id,
        order_id=order.order_id,
        refund_id=refund.refund_id,
        entity="refund",
        refund_amount=rupees(refund.amount),
        refund_currency=order.currency,
        refund_note=refund.note,
        refund_status=refund.status.value,
        refund_arn=refund.arn,
        refund_charge=0.0,
        status_description=_DESCRIPTIONS[refund.status],
        metadata=None,
        refund_splits=[],
        refund_type="MERCHANT_INITIATED",
        refund_mode=refund.speed,
        created_at=in_india(refund.created_at),
        processed_at=None if refund.processed_at is None else in_india(refund.processed_at),
        refund_speed=RefundSpeed(refund.speed, refund.speed, refund.speed if is_done else None),
    )


def simulation_entity(simulation: Simulation) -> SimulationResponse:
    """Return a simulation."""
    return SimulationResponse(
        simulation_id=simulation.simulation_id,
        entity="PAYMENTS",
        entity_id=simulation.cf_payment_id,
        entity_simulation=EntitySimulationResponse(simulation.payment_status, simulation.payment_error_code),
    )


def card_method(payment: Payment) -> PaymentMethodCardInPaymentsEntity:
    """Return the card of a payment."""
    card = payment.card
    return PaymentMethodCardInPaymentsEntity(
        PaymentMethodCardInPaymentsEntityCard(
            channel=payment.channel.value,
            card_number=card.display,
            card_network=card.network,
            card_type=card.card_type,
            card_sub_type=card.card_sub_type,
            card_country=card.country,
            card_bank_name=card.issuer,
            instrument_id=payment.instrument_id or None,
        )
    )


def error_details(decline: Decline | None) -> ErrorDetailsInPaymentsEntity | None:
    """Return why a payment failed, if it did."""
    if decline is None:
        return None
    return ErrorDetailsInPaymentsEntity(
        error_code=decline.error_code,
        error_description=decline.description,
        error_reason=decline.reason,
        error_source=decline.source,
        error_code_raw=decline.raw_code,
        error_description_raw=decline.raw_description,
    )


def payment_group(payment: Payment) -> str:
    """Return the published group of a payment: the type of its card, `credit_card` where that is not known."""
    return payment.card.card_type or "credit_card"


def rupees(paise: int) -> float:
    """Return an amount as the API writes it."""
    return paise / 100


def in_india(moment: int) -> str:
    """Return a moment as the API writes it, such as 2021-07-19T16:13:35+05:30."""
    return datetime.fromtimestamp(moment // SECOND, UTC).astimezone(_INDIA).isoformat()
