"""The bodies of webhook events about payments and refunds, as Cashfree's pages show them. Only an emulator sends them.

They differ from the entities of the API: amounts have two decimals, times are in Indian time, a refund's ids are
numbers and its `entity` is `Refund`. Receivers must therefore verify the signature over the bytes that arrived.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from tokenvault_contract.payment_entities import (
    ErrorDetailsInPaymentsEntity,
    InternationalPaymentEntity,
    PaymentEntityPaymentSurcharge,
    PaymentGatewayDetails,
    PaymentMethodCardInPaymentsEntity,
)

PAYMENT_SUCCESS: Final = "PAYMENT_SUCCESS_WEBHOOK"
PAYMENT_FAILED: Final = "PAYMENT_FAILED_WEBHOOK"
PAYMENT_USER_DROPPED: Final = "PAYMENT_USER_DROPPED_WEBHOOK"
REFUND_STATUS: Final = "REFUND_STATUS_WEBHOOK"
PAYMENT_EVENT_TYPES: Final = (PAYMENT_SUCCESS, PAYMENT_FAILED, PAYMENT_USER_DROPPED, REFUND_STATUS)

VERSIONS: Final = ("2023-08-01", "2025-01-01")
"""The versions of webhooks whose shapes Cashfree publishes, oldest first."""


class WebhookOrder(msgspec.Struct, frozen=True):
    """The order of a payment."""

    order_id: str
    order_amount: Raw
    order_currency: str
    order_tags: dict[str, str] | None


class WebhookPayment(msgspec.Struct, frozen=True):
    """A payment that ended. The last two fields came with version 2025-01-01."""

    cf_payment_id: str
    payment_status: str
    payment_amount: Raw
    payment_currency: str
    payment_message: str | None
    payment_time: str
    bank_reference: str | None
    auth_id: str | None
    payment_method: PaymentMethodCardInPaymentsEntity
    payment_group: str
    international_payment: InternationalPaymentEntity | UnsetType = UNSET
    payment_surcharge: PaymentEntityPaymentSurcharge | UnsetType | None = UNSET


class WebhookCustomer(msgspec.Struct, frozen=True):
    """The customer who paid."""

    customer_name: str | None
    customer_id: str
    customer_email: str | None
    customer_phone: str

    def __repr__(self) -> str:
        """Show the id only: the other fields are personal data."""
        return f"WebhookCustomer(customer_id={self.customer_id!r}, ...)"


class PaymentEventData(msgspec.Struct, frozen=True):
    """What an event about a payment says."""

    order: WebhookOrder
    payment: WebhookPayment
    customer_details: WebhookCustomer
    error_details: ErrorDetailsInPaymentsEntity | UnsetType
    payment_gateway_details: PaymentGatewayDetails
    payment_offers: None = None


class PaymentEvent(msgspec.Struct, frozen=True):
    """An event about a payment."""

    data: PaymentEventData
    event_time: str
    type: str


class WebhookRefund(msgspec.Struct, frozen=True):
    """A refund. The three fields from `refund_charge` end, and the four after them begin, with version 2025-01-01."""

    cf_refund_id: int
    cf_payment_id: int
    refund_id: str
    order_id: str
    refund_amount: Raw
    refund_currency: str
    entity: str
    refund_type: str
    refund_arn: str | None
    refund_status: str
    status_description: str
    created_at: str
    processed_at: str | None
    refund_note: str | None
    refund_splits: list[msgspec.Raw]
    refund_charge: float | UnsetType = UNSET
    metadata: UnsetType | None = UNSET
    refund_mode: str | UnsetType = UNSET
    requested_speed: str | UnsetType = UNSET
    processed_speed: str | UnsetType | None = UNSET
    service_charge: Raw | UnsetType = UNSET
    service_tax: Raw | UnsetType = UNSET


class RefundEventData(msgspec.Struct, frozen=True):
    """What an event about a refund says."""

    refund: WebhookRefund


class RefundEvent(msgspec.Struct, frozen=True):
    """An event about a refund."""

    data: RefundEventData
    event_time: str
    type: str


def amount(paise: int) -> Raw:
    """Return an amount in rupees with two decimals, as a JSON number."""
    return Raw(b"%d.%02d" % divmod(paise, 100))
