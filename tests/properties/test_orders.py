"""Whatever is called, and whenever: refunds stay within the payment, a paid order stays paid, an end is an end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from tests.support.clock import NOW
from tokenvault_server.domain.clock import MINUTE
from tokenvault_server.emulator.payments import states
from tokenvault_server.emulator.payments.records import (
    CardFacts,
    Channel,
    Customer,
    Means,
    Order,
    OrderStatus,
    Payment,
    PaymentStatus,
    Refund,
)
from tokenvault_server.emulator.payments.states import MAX_ATTEMPTS, OTP, Answer
from tokenvault_server.errors import VaultError

AMOUNT = 10_000
FINAL = {OrderStatus.PAID, OrderStatus.EXPIRED, OrderStatus.TERMINATED}

Step = tuple[str, int, int]
"""What is done, to which payment or refund, and how much or how long."""

steps = st.lists(
    st.tuples(
        st.sampled_from(["wait", "start", "open", "right", "wrong", "resend", "fail", "drop", "terminate", "refund"]),
        st.integers(0, 3),
        st.integers(1, 40),
    ),
    max_size=40,
)


def new_order() -> Order:
    customer = Customer("asha", "9999999999")
    return Order("mer_1", "order_1", "1", "session", AMOUNT, "INR", customer, NOW, NOW + 60 * MINUTE)


def new_payment(number: int, now: int) -> Payment:
    status, facts = PaymentStatus.NOT_ATTEMPTED, CardFacts("XXXXXXXXXXXX2123", "visa")
    return Payment(str(number), status, Channel.LINK, Means.CARD, facts, now, now + states.PAGE_TIME, "page", None)


def new_refund(number: int, amount: int, now: int) -> Refund:
    return Refund(f"refund_{number}", "7", "1", amount, None, "STANDARD", now, now + 10 * MINUTE)


def applied(order: Order, step: Step, now: int, count: int) -> Order:
    """Return the order after a step.

    Raises:
        VaultError: the step is refused.
    """
    act, which, size = step
    if act == "start":
        return states.start(order, new_payment(count, now))
    if act == "terminate":
        return states.terminate(order)
    if act == "refund":
        return states.refund(order, new_refund(which, size * 500, now))
    payment = order.payments[which] if which < len(order.payments) else None
    return order if payment is None else PAYMENT_STEPS[act](order, payment, now)


def submitted(order: Order, payment: Payment, now: int, otp: str) -> Order:
    """Return the order after a one-time password; its bank declines nothing."""
    order, answer = states.submit_otp(order, payment, otp, now)
    return states.succeed(order, payment, now) if answer is Answer.RIGHT else order


PAYMENT_STEPS: dict[str, Callable[[Order, Payment, int], Order]] = {
    "wait": lambda order, _payment, _now: order,
    "open": lambda order, payment, _now: states.open_page(order, payment),
    "resend": states.resend_otp,
    "right": lambda order, payment, now: submitted(order, payment, now, OTP),
    "wrong": lambda order, payment, now: submitted(order, payment, now, "1"),
    "fail": lambda order, payment, now: states.fail(order, payment, now, states.LEFT),
    "drop": states.drop,
}


def check(before: Order, after: Order) -> None:
    """Check what holds for every order, and for every change of one."""
    successes = [each for each in after.payments if each.status is PaymentStatus.SUCCESS]
    assert len(successes) <= 1
    assert (after.status is OrderStatus.PAID) == bool(successes)
    assert after.refunded <= (after.amount if successes else 0)
    assert all(each.attempts <= MAX_ATTEMPTS and each.resends <= states.MAX_RESENDS for each in after.payments)
    assert all(each.secrets is None for each in after.payments if each.status.is_final)
    if before.status in FINAL:
        assert after.status is before.status
    for old in before.payments:
        new = after.payment(old.cf_payment_id)
        assert new is not None
        assert not old.status.is_final or new == old
    assert {each.refund_id for each in before.refunds} <= {each.refund_id for each in after.refunds}
    payments, refunds = states.ended_since(before, after)
    assert len(payments) == sum(each.status.is_final for each in after.payments) - sum(
        each.status.is_final for each in before.payments
    )
    assert all(each.processed_at for each in refunds)


@given(steps)
def test_no_sequence_of_calls_loses_money(taken: list[Step]) -> None:
    order, now = new_order(), NOW
    for count, step in enumerate(taken, 1):
        if step[0] == "wait":
            now += step[2] * MINUTE // 2
        before, order = order, states.advance(order, now)
        check(before, order)
        with suppress(VaultError):
            before, order = order, applied(order, step, now, count)
            check(before, order)


@given(steps)
def test_bringing_an_order_to_a_moment_in_steps_or_at_once_is_the_same(taken: list[Step]) -> None:
    order, now = new_order(), NOW
    for count, step in enumerate(taken, 1):
        with suppress(VaultError):
            order = applied(states.advance(order, now), step, now, count)
    at_once = states.advance(order, now + 120 * MINUTE)
    for minutes in range(0, 121, 3):
        order = states.advance(order, now + minutes * MINUTE)
    assert order == at_once
    assert states.due_at(order) is None
