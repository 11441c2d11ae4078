"""The operations of Cashfree's order-and-pay API that the emulator has, as a table like `operations`.

They create an order, pay it with a card, refund it and end it, so that a program can save a card as it does at
Cashfree: together with a payment. No served vault has them. All of them are published; statuses and paths are those of
the official SDKs. The two calls that browsers make carry no credentials.
"""

from __future__ import annotations

from typing import Final

from tokenvault_contract.operations import Operation
from tokenvault_contract.payment_entities import (
    CreateOrderRequest,
    OrderAuthenticateEntity,
    OrderAuthenticatePaymentRequest,
    OrderCreateRefundRequest,
    OrderEntity,
    PaymentEntity,
    PayOrderEntity,
    PayOrderRequest,
    RefundEntity,
    SimulateRequest,
    SimulationResponse,
    TerminateOrderRequest,
)
from tokenvault_contract.problems import Kind

_READS: Final = (
    Kind.INVALID,
    Kind.UNAUTHENTICATED,
    Kind.FORBIDDEN,
    Kind.NOT_FOUND,
    Kind.IDEMPOTENCY,
    Kind.RATE_LIMITED,
    Kind.INTERNAL,
)
_ACTS: Final = (*_READS, Kind.CONFLICT, Kind.TOO_LARGE)
_ORDER: Final = "/orders/{order_id}"

CREATE_ORDER: Final = Operation(
    name="PGCreateOrder",
    key="create_order",
    method="POST",
    path="/orders",
    summary="Create Order",
    description="Create an order. Its customer is the owner of the cards that are saved when it is paid.",
    returns=OrderEntity,
    problems=_ACTS,
    takes=CreateOrderRequest,
)
FETCH_ORDER: Final = Operation(
    name="PGFetchOrder",
    key="fetch_order",
    method="GET",
    path=_ORDER,
    summary="Get Order",
    description="Return an order with its present status.",
    returns=OrderEntity,
    problems=_READS,
    acts=False,
)
TERMINATE_ORDER: Final = Operation(
    name="PGTerminateOrder",
    key="terminate_order",
    method="PATCH",
    path=_ORDER,
    summary="Terminate Order",
    description="End an order that is not paid. It ends when its payments in progress have ended: see its status.",
    returns=OrderEntity,
    problems=_ACTS,
    takes=TerminateOrderRequest,
)
PAY_ORDER: Final = Operation(
    name="PGPayOrder",
    key="pay_order",
    method="POST",
    path="/orders/sessions",
    summary="Order Pay",
    description="Start a payment with a card, a saved card, or a network token with its cryptogram.",
    returns=PayOrderEntity,
    problems=(*_ACTS, Kind.NOT_EMULATED),
    takes=PayOrderRequest,
    by_session=True,
)
AUTHENTICATE_PAYMENT: Final = Operation(
    name="PGOrderAuthenticatePayment",
    key="authenticate_payment",
    method="POST",
    path="/orders/pay/authenticate/{cf_payment_id}",
    summary="Submit or Resend OTP",
    description="Submit the one-time password of a payment, or have it sent again.",
    returns=OrderAuthenticateEntity,
    problems=_ACTS,
    takes=OrderAuthenticatePaymentRequest,
    by_session=True,
)
FETCH_PAYMENTS: Final = Operation(
    name="PGOrderFetchPayments",
    key="fetch_payments",
    method="GET",
    path=_ORDER + "/payments",
    summary="Get Payments for an Order",
    description="Return all payments of an order, newest first.",
    returns=PaymentEntity,
    problems=_READS,
    acts=False,
    many=True,
)
FETCH_PAYMENT: Final = Operation(
    name="PGOrderFetchPayment",
    key="fetch_payment",
    method="GET",
    path=_ORDER + "/payments/{cf_payment_id}",
    summary="Get Payment by ID",
    description="Return one payment of an order.",
    returns=PaymentEntity,
    problems=_READS,
    acts=False,
)
CREATE_REFUND: Final = Operation(
    name="PGOrderCreateRefund",
    key="create_refund",
    method="POST",
    path=_ORDER + "/refunds",
    summary="Create Refund",
    description="Refund a paid order, or a part of it.",
    returns=RefundEntity,
    problems=_ACTS,
    takes=OrderCreateRefundRequest,
)
FETCH_REFUNDS: Final = Operation(
    name="PGOrderFetchRefunds",
    key="fetch_refunds",
    method="GET",
    path=_ORDER + "/refunds",
    summary="Get All Refunds for an Order",
    description="Return all refunds of an order, oldest first.",
    returns=RefundEntity,
    problems=_READS,
    acts=False,
    many=True,
)
FETCH_REFUND: Final = Operation(
    name="PGOrderFetchRefund",
    key="fetch_refund",
    method="GET",
    path=_ORDER + "/refunds/{refund_id}",
    summary="Get Refund",
    description="Return one refund of an order.",
    returns=RefundEntity,
    problems=_READS,
    acts=False,
)
SIMULATE_PAYMENT: Final = Operation(
    name="PGSimulatePayment",
    key="simulate_payment",
    method="POST",
    path="/simulate",
    summary="Simulate Payment",
    description="End a payment as its bank or its customer would.",
    returns=SimulationResponse,
    problems=(*_ACTS, Kind.NOT_EMULATED),
    takes=SimulateRequest,
)
FETCH_SIMULATION: Final = Operation(
    name="PGFetchSimulation",
    key="fetch_simulation",
    method="GET",
    path="/simulate/{simulation_id}",
    summary="Fetch Simulation",
    description="Return a simulation.",
    returns=SimulationResponse,
    problems=_READS,
    acts=False,
)

PAYMENT_OPERATIONS: Final = (
    CREATE_ORDER,
    FETCH_ORDER,
    TERMINATE_ORDER,
    PAY_ORDER,
    AUTHENTICATE_PAYMENT,
    FETCH_PAYMENTS,
    FETCH_PAYMENT,
    CREATE_REFUND,
    FETCH_REFUNDS,
    FETCH_REFUND,
    SIMULATE_PAYMENT,
    FETCH_SIMULATION,
)
