"""The whole behaviour of orders, payments and refunds, as pure functions: an order and a moment give an order.

An order begins ACTIVE. A payment that succeeds makes it PAID, also while its termination is requested. Without one, it
becomes TERMINATED on request, or EXPIRED when its time is over; both wait for payments in progress. PAID, EXPIRED and
TERMINATED are final.

A payment begins PENDING, or NOT_ATTEMPTED until the bank's page is opened. It ends as SUCCESS, FAILED or USER_DROPPED.
At most one payment of an order succeeds. A refund begins PENDING and ends as SUCCESS; all refunds of an order are
together at most its amount.

Nothing here asks for the time or for chance: `advance` brings an order to a moment, and every function expects an order
that it brought there.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from tokenvault_server.domain.clock import MINUTE, SECOND
from tokenvault_server.emulator.payments.errors import (
    AlreadyProcessedError,
    OrderNotActiveError,
    RefundExistsError,
    RefundNotAllowedError,
    ResentTooEarlyError,
    TooManyAttemptsError,
)
from tokenvault_server.emulator.payments.records import (
    Decline,
    Order,
    OrderStatus,
    Payment,
    PaymentStatus,
    Refund,
    RefundStatus,
    replace,
)
from tokenvault_server.errors import InvalidFieldError

OTP: Final = "111000"
"""The one-time password of Cashfree's sandbox."""
OTP_TIME: Final = 5 * MINUTE
"""How long a payment waits for its one-time password, as published for Native OTP."""
PAGE_TIME: Final = 15 * MINUTE
"""How long a payment waits at the bank's page. Not published."""
MAX_ATTEMPTS: Final = 3
"""How many wrong one-time passwords end a payment. Not published."""
MAX_RESENDS: Final = 2
RESEND_AFTER: Final = 30 * SECOND
"""How often and how soon a one-time password is sent again, as published for Native OTP."""
REFUND_TIME: Final = {"STANDARD": 10 * MINUTE, "INSTANT": 0}
"""How long a refund takes, by its speed. Ten minutes are those of the published example."""

LEFT: Final = Decline(
    "USER_DROPPED_OUT", "customer left the payment before completing it", "user_dropped_out", "customer"
)
TIMED_OUT: Final = Decline(
    "PAYMENT_TIMED_OUT", "customer did not complete the payment in time", "payment_timed_out", "customer"
)
WRONG_OTP: Final = Decline(
    "AUTHENTICATION_FAILED", "customer entered a wrong one-time password too often", "incorrect_otp", "customer"
)
PAID_ALREADY: Final = Decline(
    "ORDER_ALREADY_PAID", "another payment of the order succeeded first", "order_already_paid", "business"
)


class Answer(StrEnum):
    """What the bank says to a one-time password."""

    RIGHT = "right"
    WRONG = "wrong"


def advance(order: Order, now: int) -> Order:
    """Return the order as it is at a moment: what was due before has happened, at its own time."""
    for payment in order.open_payments:
        if payment.ends_at <= now:
            order = drop(order, payment, payment.ends_at, TIMED_OUT)
    refunds = tuple(processed(each, each.processes_at) if _is_due(each, now) else each for each in order.refunds)
    order = replace(order, refunds=refunds)
    if order.open_payments:
        return order
    if order.status is OrderStatus.TERMINATION_REQUESTED:
        return replace(order, status=OrderStatus.TERMINATED)
    if order.status is OrderStatus.ACTIVE and order.expires_at <= now:
        return replace(order, status=OrderStatus.EXPIRED)
    return order


def due_at(order: Order) -> int | None:
    """Return when `advance` will change the order next, or None."""
    moments = [each.ends_at for each in order.open_payments]
    moments += [each.processes_at for each in order.refunds if each.status is RefundStatus.PENDING]
    if order.status is OrderStatus.ACTIVE and not order.open_payments:
        moments.append(order.expires_at)
    return min(moments, default=None)


def start(order: Order, payment: Payment) -> Order:
    """Add a payment to an order.

    Raises:
        OrderNotActiveError: the order cannot be paid any more.
    """
    if order.status is not OrderStatus.ACTIVE or order.expires_at <= payment.started_at:
        raise OrderNotActiveError
    return order.with_payment(payment)


def open_page(order: Order, payment: Payment) -> Order:
    """Note that the customer has opened the bank's page."""
    if payment.status is PaymentStatus.NOT_ATTEMPTED:
        return order.with_payment(replace(payment, status=PaymentStatus.PENDING))
    return order


def submit_otp(order: Order, payment: Payment, otp: str, now: int) -> tuple[Order, Answer]:
    """Check a one-time password. The third wrong one ends the payment; after the right one the bank decides.

    Raises:
        TooManyAttemptsError: three wrong ones were submitted before.
        AlreadyProcessedError: the payment has ended in another way.
    """
    if payment.attempts >= MAX_ATTEMPTS:
        raise TooManyAttemptsError
    if payment.status.is_final:
        raise AlreadyProcessedError
    if otp == OTP:
        return order, Answer.RIGHT
    payment = replace(payment, attempts=payment.attempts + 1, status=PaymentStatus.PENDING)
    if payment.attempts >= MAX_ATTEMPTS:
        return fail(order, payment, now, WRONG_OTP), Answer.WRONG
    return order.with_payment(payment), Answer.WRONG


def resend_otp(order: Order, payment: Payment, now: int) -> Order:
    """Send the one-time password again.

    Raises:
        AlreadyProcessedError: the payment has ended.
        TooManyAttemptsError: it was sent again twice.
        ResentTooEarlyError: it was sent less than 30 seconds ago.
    """
    if payment.status.is_final:
        raise AlreadyProcessedError
    if payment.resends >= MAX_RESENDS:
        raise TooManyAttemptsError
    if now < payment.otp_sent_at + RESEND_AFTER:
        raise ResentTooEarlyError
    return order.with_payment(replace(payment, resends=payment.resends + 1, otp_sent_at=now))


def succeed(order: Order, payment: Payment, now: int) -> Order:
    """End a payment with success, which pays the order; of two payments, the second fails.

    Raises:
        AlreadyProcessedError: the payment has ended.
    """
    if payment.status.is_final:
        raise AlreadyProcessedError
    if order.paid:
        return fail(order, payment, now, PAID_ALREADY)
    reference = _reference(payment.cf_payment_id)
    done = replace(
        payment,
        status=PaymentStatus.SUCCESS,
        secrets=None,
        completed_at=now,
        message="00::Transaction success",
        bank_reference=reference,
        auth_id=reference[-6:],
    )
    return replace(order.with_payment(done), status=OrderStatus.PAID)


def fail(order: Order, payment: Payment, now: int, decline: Decline) -> Order:
    """End a payment because its bank declined it.

    Raises:
        AlreadyProcessedError: the payment has ended.
    """
    return _end(order, payment, PaymentStatus.FAILED, now, decline)


def drop(order: Order, payment: Payment, now: int, decline: Decline = LEFT) -> Order:
    """End a payment because its customer left it.

    Raises:
        AlreadyProcessedError: the payment has ended.
    """
    return _end(order, payment, PaymentStatus.USER_DROPPED, now, decline)


def saved(order: Order, payment: Payment, instrument_id: str) -> Order:
    """Note which card was saved with a payment that succeeded."""
    return order.with_payment(replace(payment, instrument_id=instrument_id))


def terminate(order: Order) -> Order:
    """End an order, at once or as soon as its payments in progress have ended; a final order stays as it is."""
    if order.status is not OrderStatus.ACTIVE:
        return order
    status = OrderStatus.TERMINATION_REQUESTED if order.open_payments else OrderStatus.TERMINATED
    return replace(order, status=status)


def refund(order: Order, new: Refund) -> Order:
    """Add a refund to an order. A repeat of the same request changes nothing.

    Raises:
        RefundExistsError: another refund has its id.
        RefundNotAllowedError: the order has no successful payment.
        InvalidFieldError: it is more than what is left of the order's amount.
    """
    if existing := order.refund(new.refund_id):
        if (existing.amount, existing.note, existing.speed) != (new.amount, new.note, new.speed):
            raise RefundExistsError
        return order
    if not order.paid:
        raise RefundNotAllowedError
    if new.amount > order.amount - order.refunded:
        raise InvalidFieldError("refund_amount", "is more than what is left to refund of the order")
    return replace(order, refunds=(*order.refunds, new))


def processed(pending: Refund, now: int) -> Refund:
    """End a refund: the bank has taken it."""
    return replace(pending, status=RefundStatus.SUCCESS, processed_at=now, arn=_reference(pending.cf_refund_id))


def ended_since(before: Order | None, after: Order) -> tuple[list[Payment], list[Refund]]:
    """Return the payments and refunds that ended between two states of an order: each causes one webhook event."""
    final = {each.cf_payment_id for each in before.payments if each.status.is_final} if before else set()
    done = {each.refund_id for each in before.refunds if each.processed_at} if before else set()
    payments = [each for each in after.payments if each.status.is_final and each.cf_payment_id not in final]
    return payments, [each for each in after.refunds if each.processed_at and each.refund_id not in done]


def _end(order: Order, payment: Payment, status: PaymentStatus, now: int, decline: Decline) -> Order:
    if payment.status.is_final:
        raise AlreadyProcessedError
    ended = replace(
        payment, status=status, secrets=None, completed_at=now, message=decline.description, decline=decline
    )
    return order.with_payment(ended)


def _is_due(pending: Refund, now: int) -> bool:
    return pending.status is RefundStatus.PENDING and pending.processes_at <= now


def _reference(cf_id: str) -> str:
    """Return a bank's reference of twelve digits, as long as published ones; it follows from the id."""
    return f"{int(cf_id) * 7 % 10**12:012d}"
