"""An order with its payments and refunds, as the emulator keeps it: one sealed record, changed as a whole.

Amounts are in paise, times in microseconds since 1970. Struct fields are stored by position: new ones go to the end,
with a default.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec
from msgspec.structs import replace

from tokenvault_server.keys.packed import NOTHING, Packed, SealedStruct

__all__ = ["replace"]


class OrderStatus(StrEnum):
    """The status of an order."""

    ACTIVE = "ACTIVE"
    PAID = "PAID"
    EXPIRED = "EXPIRED"
    TERMINATION_REQUESTED = "TERMINATION_REQUESTED"
    """It ends as soon as its payments in progress have ended without success."""
    TERMINATED = "TERMINATED"


class PaymentStatus(StrEnum):
    """The status of a payment. Cashfree has further ones, for payments that are authorised and captured apart."""

    NOT_ATTEMPTED = "NOT_ATTEMPTED"
    """The customer has not opened the bank's page yet."""
    PENDING = "PENDING"
    SUCCESS = "SUCCESS"
    FAILED = "FAILED"
    USER_DROPPED = "USER_DROPPED"
    """The customer left the payment, or did nothing until its time was over."""

    @property
    def is_final(self) -> bool:
        """Whether it cannot change any more."""
        return self not in {PaymentStatus.NOT_ATTEMPTED, PaymentStatus.PENDING}


class RefundStatus(StrEnum):
    """The status of a refund. Cashfree also has ONHOLD, CANCELLED and FAILED, which nothing here leads to."""

    PENDING = "PENDING"
    SUCCESS = "SUCCESS"


class Channel(StrEnum):
    """How the customer proves to be the cardholder."""

    LINK = "link"
    """On the bank's page."""
    POST = "post"
    """On the merchant's page, with a one-time password."""


class Means(StrEnum):
    """What a payment is made with."""

    CARD = "card"
    SAVED = "saved"
    TOKEN = "token"  # not a password
    """A network token with a cryptogram that the merchant fetched before."""


class CardFacts(msgspec.Struct, frozen=True, array_like=True):
    """What may be shown of a card."""

    display: str | None
    """The masked number."""
    network: str | None
    card_type: str | None = None
    card_sub_type: str | None = None
    country: str | None = None
    issuer: str | None = None


class CardSecrets(SealedStruct, frozen=True, array_like=True):
    """What a payment in progress needs of its card. It is dropped when the payment ends. A CVV is never kept.

    `number` is that of the card, or of the token that comes with a cryptogram.
    """

    number: Packed = NOTHING
    year: int = 0
    month: int = 0
    cryptogram: Packed = NOTHING
    trid: str = ""


class Decline(msgspec.Struct, frozen=True, array_like=True):
    """Why a payment failed."""

    error_code: str
    description: str
    reason: str
    source: str
    raw_code: str | None = None
    raw_description: str | None = None


class Payment(SealedStruct, frozen=True, array_like=True):
    """One attempt to pay an order."""

    cf_payment_id: str
    status: PaymentStatus
    channel: Channel
    means: Means
    card: CardFacts
    started_at: int
    ends_at: int
    """When it is dropped if nothing happens."""
    page_token: str
    """Authorises whoever has it to act on the bank's page."""
    secrets: CardSecrets | None
    save: bool = False
    instrument_id: str = ""
    attempts: int = 0
    """How many wrong one-time passwords were submitted."""
    resends: int = 0
    otp_sent_at: int = 0
    completed_at: int | None = None
    message: str | None = None
    decline: Decline | None = None
    bank_reference: str | None = None
    auth_id: str | None = None


class Refund(SealedStruct, frozen=True, array_like=True):
    """A refund of an order's payment."""

    refund_id: str
    cf_refund_id: str
    cf_payment_id: str
    amount: int
    note: str | None
    speed: str
    created_at: int
    processes_at: int
    status: RefundStatus = RefundStatus.PENDING
    processed_at: int | None = None
    arn: str | None = None


class Customer(SealedStruct, frozen=True, array_like=True):
    """The customer of an order. Personal data: it is sealed with the order."""

    customer_id: str
    phone: str
    email: str | None = None
    name: str | None = None


class Order(SealedStruct, frozen=True, array_like=True):
    """An order with everything that belongs to it."""

    merchant_id: str
    order_id: str
    cf_order_id: str
    session_id: str
    amount: int
    currency: str
    customer: Customer
    created_at: int
    expires_at: int
    status: OrderStatus = OrderStatus.ACTIVE
    note: str | None = None
    tags: dict[str, str] | None = None
    return_url: str | None = None
    notify_url: str | None = None
    payments: tuple[Payment, ...] = ()
    refunds: tuple[Refund, ...] = ()

    def payment(self, cf_payment_id: str) -> Payment | None:
        """Return one of its payments, or None."""
        return next((each for each in self.payments if each.cf_payment_id == cf_payment_id), None)

    def refund(self, refund_id: str) -> Refund | None:
        """Return one of its refunds, or None."""
        return next((each for each in self.refunds if each.refund_id == refund_id), None)

    @property
    def paid(self) -> Payment | None:
        """The payment that paid it, or None."""
        return next((each for each in self.payments if each.status is PaymentStatus.SUCCESS), None)

    @property
    def refunded(self) -> int:
        """How much of it is or will be refunded."""
        return sum(each.amount for each in self.refunds)

    @property
    def open_payments(self) -> tuple[Payment, ...]:
        """Its payments in progress."""
        return tuple(each for each in self.payments if not each.status.is_final)

    def with_payment(self, payment: Payment) -> Order:
        """Return the order with one of its payments replaced, or with a new one."""
        others = [each for each in self.payments if each.cf_payment_id != payment.cf_payment_id]
        together = sorted([*others, payment], key=lambda each: (each.started_at, each.cf_payment_id))
        return replace(self, payments=tuple(together))


class Simulation(msgspec.Struct, frozen=True):
    """A payment that was made to end in some way."""

    simulation_id: str
    cf_payment_id: str
    payment_status: str
    payment_error_code: str | None
