"""What each dated version changed in the bodies of orders and payments, together with the vault's own changes.

Version 2023-08-01 is the one whose release notes say that ids of Cashfree became texts, `cf_refund_id` lost its prefix,
and orders lost their three addresses. The official Python SDK 3 refuses a text where SDK 4 refuses a number.
"""

from __future__ import annotations

from typing import Any, Final, TypeVar

import msgspec

from tokenvault_contract.operations import OPERATIONS, Operation
from tokenvault_contract.payment_entities import (
    CustomerDetailsResponse,
    ErrorDetailsInPaymentsEntity,
    JsonObject,
    OrderAuthenticateEntity,
    OrderEntity,
    OrderMeta,
    OrderPayData,
    PaymentEntity,
    PaymentMethodCardInPaymentsEntity,
    PaymentMethodCardInPaymentsEntityCard,
    PayOrderEntity,
    RefundEntity,
    RefundSpeed,
    SimulationResponse,
    VendorSplit,
)
from tokenvault_contract.payment_operations import (
    AUTHENTICATE_PAYMENT,
    CREATE_ORDER,
    CREATE_REFUND,
    FETCH_ORDER,
    FETCH_PAYMENT,
    FETCH_PAYMENTS,
    FETCH_REFUND,
    FETCH_REFUNDS,
    FETCH_SIMULATION,
    PAY_ORDER,
    SIMULATE_PAYMENT,
    TERMINATE_ORDER,
)
from tokenvault_contract.problems import ErrorBody
from tokenvault_contract.versions import ApiVersion
from tokenvault_server.api.versions import CHANGES, Change, Undo, unchanged

B = TypeVar("B", bound=msgspec.Struct)

_UNSET: Final = msgspec.UNSET


class Address(msgspec.Struct, frozen=True):
    """The path of a list that belongs to an order."""

    url: str


class OlderOrder(msgspec.Struct, frozen=True):
    """An order before 2023-08-01."""

    cf_order_id: int
    order_id: str
    entity: str
    order_currency: str
    order_amount: float
    order_status: str
    payment_session_id: str
    order_expiry_time: str
    order_note: str | None
    created_at: str
    order_splits: list[VendorSplit]
    customer_details: CustomerDetailsResponse
    order_meta: OrderMeta
    payments: Address
    settlements: Address
    refunds: Address
    order_tags: dict[str, str] | None

    def __repr__(self) -> str:
        """Leave out the session and the customer."""
        return f"OlderOrder(order_id={self.order_id!r}, ...)"


class OlderPayOrder(msgspec.Struct, frozen=True):
    """A payment that was started, before 2023-08-01."""

    payment_amount: float
    cf_payment_id: int
    payment_method: str
    channel: str
    action: str
    data: OrderPayData


class OlderAuthentication(msgspec.Struct, frozen=True):
    """The answer to a one-time password before 2023-08-01."""

    cf_payment_id: int
    action: str
    authenticate_status: str
    payment_message: str


class OlderPayment(msgspec.Struct, frozen=True):
    """A payment before 2023-08-01."""

    cf_payment_id: int
    order_id: str
    entity: str
    error_details: ErrorDetailsInPaymentsEntity | None
    is_captured: bool
    order_amount: float
    payment_group: str
    payment_currency: str
    payment_amount: float
    payment_time: str
    payment_completion_time: str | None
    payment_status: str
    payment_message: str | None
    bank_reference: str | None
    auth_id: str | None
    authorization: None
    payment_method: PaymentMethodCardInPaymentsEntity


class OlderRefund(msgspec.Struct, frozen=True):
    """A refund before 2023-08-01."""

    cf_payment_id: int
    cf_refund_id: str
    order_id: str
    refund_id: str
    entity: str
    refund_amount: float
    refund_currency: str
    refund_note: str | None
    refund_status: str
    refund_arn: str | None
    refund_charge: float
    status_description: str
    metadata: JsonObject | None
    refund_splits: list[VendorSplit]
    refund_type: str
    refund_mode: str
    created_at: str
    processed_at: str | None
    refund_speed: RefundSpeed


def _payment_before_2025(entity: PaymentEntity) -> PaymentEntity:
    card = msgspec.structs.replace(entity.payment_method.card, card_sub_type=_UNSET)
    return msgspec.structs.replace(
        entity,
        order_currency=_UNSET,
        payment_method=PaymentMethodCardInPaymentsEntity(card),
        international_payment=_UNSET,
        payment_gateway_details=_UNSET,
        payment_surcharge=_UNSET,
    )


def _order_before_2025(entity: OrderEntity) -> OrderEntity:
    return msgspec.structs.replace(entity, products=_UNSET)


def _order_before_2023(entity: OrderEntity) -> OlderOrder:
    path = f"/pg/orders/{entity.order_id}"
    addresses = {name: Address(f"{path}/{name}") for name in ("payments", "settlements", "refunds")}
    customer = msgspec.structs.replace(entity.customer_details, customer_uid=_UNSET)
    return _narrowed(OlderOrder, entity, cf_order_id=int(entity.cf_order_id), customer_details=customer, **addresses)


def _pay_order_before_2023(entity: PayOrderEntity) -> OlderPayOrder:
    return _narrowed(OlderPayOrder, entity, cf_payment_id=int(entity.cf_payment_id))


def _authentication_before_2023(entity: OrderAuthenticateEntity) -> OlderAuthentication:
    return _narrowed(OlderAuthentication, entity, cf_payment_id=int(entity.cf_payment_id))


def _payment_before_2023(entity: PaymentEntity) -> OlderPayment:
    return _narrowed(OlderPayment, entity, cf_payment_id=int(entity.cf_payment_id))


def _refund_before_2023(entity: RefundEntity) -> OlderRefund:
    return _narrowed(
        OlderRefund,
        entity,
        cf_payment_id=int(entity.cf_payment_id),
        cf_refund_id=f"refund_{entity.cf_refund_id}",
    )


def _narrowed(shape: type[B], entity: msgspec.Struct, **changed: object) -> B:
    """Return an older body with the fields that it has in common with the newer one, and those that changed."""
    names = shape.__struct_fields__
    return shape(**{name: changed[name] if name in changed else getattr(entity, name) for name in names})


_ORDER_2025: Final = Undo(OrderEntity, _order_before_2025)
_PAYMENT_2025: Final = Undo(PaymentEntity, _payment_before_2025)
_ORDER_2023: Final = Undo(OrderEntity, _order_before_2023, OlderOrder)
_PAYMENT_2023: Final = Undo(PaymentEntity, _payment_before_2023, OlderPayment)
_REFUND_2023: Final = Undo(RefundEntity, _refund_before_2023, OlderRefund)
_SIMULATIONS: Final = {
    SIMULATE_PAYMENT: unchanged(SimulationResponse),
    FETCH_SIMULATION: unchanged(SimulationResponse),
}

PAYMENT_CHANGES: Final = (
    Change(
        version=ApiVersion("2025-01-01"),
        summary=(
            "Payments have `order_currency`, `international_payment`, `payment_gateway_details`, `payment_surcharge` "
            "and the card's `card_sub_type`; orders have `products`."
        ),
        bodies={
            CREATE_ORDER: _ORDER_2025,
            FETCH_ORDER: _ORDER_2025,
            TERMINATE_ORDER: _ORDER_2025,
            PAY_ORDER: unchanged(PayOrderEntity),
            AUTHENTICATE_PAYMENT: unchanged(OrderAuthenticateEntity),
            FETCH_PAYMENTS: _PAYMENT_2025,
            FETCH_PAYMENT: _PAYMENT_2025,
            CREATE_REFUND: unchanged(RefundEntity),
            FETCH_REFUNDS: unchanged(RefundEntity),
            FETCH_REFUND: unchanged(RefundEntity),
            **_SIMULATIONS,
        },
        error=unchanged(ErrorBody),
        added={
            PaymentEntity: (
                "order_currency",
                "international_payment",
                "payment_gateway_details",
                "payment_surcharge",
            ),
            PaymentMethodCardInPaymentsEntityCard: ("card_sub_type",),
            OrderEntity: ("products",),
        },
    ),
    Change(
        version=ApiVersion("2023-08-01"),
        summary=(
            "`cf_order_id` and `cf_payment_id` are texts instead of numbers, `cf_refund_id` has no prefix `refund_`, "
            "and orders have no addresses of their payments, settlements and refunds."
        ),
        bodies={
            CREATE_ORDER: _ORDER_2023,
            FETCH_ORDER: _ORDER_2023,
            TERMINATE_ORDER: _ORDER_2023,
            PAY_ORDER: Undo(PayOrderEntity, _pay_order_before_2023, OlderPayOrder),
            AUTHENTICATE_PAYMENT: Undo(OrderAuthenticateEntity, _authentication_before_2023, OlderAuthentication),
            FETCH_PAYMENTS: _PAYMENT_2023,
            FETCH_PAYMENT: _PAYMENT_2023,
            CREATE_REFUND: _REFUND_2023,
            FETCH_REFUNDS: _REFUND_2023,
            FETCH_REFUND: _REFUND_2023,
            **_SIMULATIONS,
        },
        error=unchanged(ErrorBody),
    ),
)
"""Newest first, of the order-and-pay operations only."""


def together(
    ours: tuple[Change, ...] = CHANGES,
    further: tuple[Change, ...] = PAYMENT_CHANGES,
    operations: tuple[Operation, ...] = OPERATIONS,
) -> tuple[Change, ...]:
    """Return the changes of the vault's own `operations` and further ones, newest first, one for each version."""
    by_version = {change.version: change for change in ours}
    for change in further:
        own = by_version.get(change.version)
        unchanged_ones: dict[Operation, Undo[Any]] = {
            operation: unchanged(operation.returns) for operation in operations
        }
        by_version[change.version] = Change(
            version=change.version,
            summary=f"{own.summary} {change.summary}" if own else change.summary,
            bodies={**(own.bodies if own else unchanged_ones), **change.bodies},
            error=own.error if own else change.error,
            added={**(own.added if own else {}), **change.added},
        )
    return tuple(by_version[version] for version in sorted(by_version, reverse=True))
