"""The bodies of the order-and-pay API in their newest shape, with fields in the order of the official SDKs.

Requests have every published field, also those that the emulator ignores: a program must run unchanged. All fields of
a request may be absent, so that the server can name the missing one in its error.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

JsonObject = dict[str, Any]


class VendorSplit(msgspec.Struct, frozen=True):
    """A vendor's share of an amount. The emulator keeps no account of vendors."""

    vendor_id: str | None = None
    amount: float | None = None
    percentage: float | None = None
    tags: JsonObject | None = None


class CustomerDetails(msgspec.Struct, frozen=True):
    """The customer of an order. `customer_id` owns the cards that the customer saves."""

    customer_id: str | UnsetType = UNSET
    customer_email: str | UnsetType | None = UNSET
    customer_phone: str | UnsetType = UNSET
    customer_name: str | UnsetType | None = UNSET
    customer_bank_account_number: str | UnsetType | None = UNSET
    customer_bank_ifsc: str | UnsetType | None = UNSET
    customer_bank_code: float | UnsetType | None = UNSET
    customer_uid: str | UnsetType | None = UNSET

    def __repr__(self) -> str:
        """Show the id only: the other fields are personal data."""
        return f"CustomerDetails(customer_id={self.customer_id!r}, ...)"


class OrderMeta(msgspec.Struct, frozen=True):
    """Where the customer returns to after the bank's page, and which methods the checkout offers."""

    return_url: str | None = None
    notify_url: str | None = None
    payment_methods: Any = None
    payment_methods_filters: JsonObject | UnsetType | None = UNSET
    offer_filters: JsonObject | UnsetType | None = UNSET
    upi_app_priority: Any = UNSET


class CreateOrderRequest(msgspec.Struct, frozen=True):
    """The body of Create Order."""

    order_id: str | UnsetType | None = UNSET
    order_amount: float | UnsetType = UNSET
    order_currency: str | UnsetType = UNSET
    cart_details: JsonObject | UnsetType | None = UNSET
    customer_details: CustomerDetails | UnsetType = UNSET
    terminal: JsonObject | UnsetType | None = UNSET
    order_meta: OrderMeta | UnsetType | None = UNSET
    order_expiry_time: str | UnsetType | None = UNSET
    order_note: str | UnsetType | None = UNSET
    order_tags: dict[str, str] | UnsetType | None = UNSET
    order_splits: list[VendorSplit] | UnsetType | None = UNSET
    products: JsonObject | UnsetType | None = UNSET


class CustomerDetailsResponse(msgspec.Struct, frozen=True):
    """The customer of an order, as the order shows it."""

    customer_id: str
    customer_email: str | None
    customer_phone: str
    customer_name: str | None = None
    customer_bank_account_number: str | UnsetType | None = UNSET
    customer_bank_ifsc: str | UnsetType | None = UNSET
    customer_bank_code: float | UnsetType | None = UNSET
    customer_uid: str | UnsetType | None = UNSET

    def __repr__(self) -> str:
        """Show the id only: the other fields are personal data."""
        return f"CustomerDetailsResponse(customer_id={self.customer_id!r}, ...)"


class OrderEntity(msgspec.Struct, frozen=True):
    """An order. `payment_session_id` authorises anyone who has it to pay the order."""

    cf_order_id: str
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
    order_tags: dict[str, str] | None
    cart_details: JsonObject | None = None
    terminal_data: JsonObject | UnsetType | None = UNSET
    products: JsonObject | UnsetType | None = UNSET

    def __repr__(self) -> str:
        """Leave out the session and the customer."""
        return f"OrderEntity(order_id={self.order_id!r}, order_status={self.order_status!r}, ...)"


class TerminateOrderRequest(msgspec.Struct, frozen=True):
    """The body of Terminate Order. The only status that it can ask for is `TERMINATED`."""

    order_status: str | UnsetType = UNSET


class Card(msgspec.Struct, frozen=True):
    """A card to pay with: its number, a saved card's id, or a network token with a cryptogram."""

    channel: str | UnsetType = UNSET
    card_number: str | UnsetType | None = UNSET
    card_holder_name: str | UnsetType | None = UNSET
    card_expiry_mm: str | UnsetType | None = UNSET
    card_expiry_yy: str | UnsetType | None = UNSET
    card_cvv: str | UnsetType | None = UNSET
    instrument_id: str | UnsetType | None = UNSET
    cryptogram: str | UnsetType | None = UNSET
    token_requestor_id: str | UnsetType | None = UNSET
    token_reference_id: str | UnsetType | None = UNSET
    token_type: str | UnsetType | None = UNSET
    card_display: str | UnsetType | None = UNSET
    card_alias: str | UnsetType | None = UNSET
    card_bank_name: str | UnsetType | None = UNSET
    address_line_one: str | UnsetType | None = UNSET
    address_line_two: str | UnsetType | None = UNSET
    city: str | UnsetType | None = UNSET
    zip_code: str | UnsetType | None = UNSET
    country: str | UnsetType | None = UNSET
    country_code: str | UnsetType | None = UNSET
    state: str | UnsetType | None = UNSET
    state_code: str | UnsetType | None = UNSET
    emi_tenure: int | UnsetType | None = UNSET
    par: str | UnsetType | None = UNSET

    def __repr__(self) -> str:
        """Show no field: nearly every field is card data."""
        return "Card(...)"


class CardPaymentMethod(msgspec.Struct, frozen=True):
    """Paying with a card."""

    card: Card | UnsetType = UNSET


class PayOrderRequest(msgspec.Struct, frozen=True):
    """The body of Order Pay. `save_instrument` says that the customer agreed to save the card."""

    payment_session_id: str | UnsetType = UNSET
    payment_method: CardPaymentMethod | UnsetType = UNSET
    save_instrument: bool | UnsetType | None = UNSET
    offer_id: str | UnsetType | None = UNSET

    def __repr__(self) -> str:
        """Show no field: the session authorises a payment."""
        return "PayOrderRequest(...)"


class OrderPayData(msgspec.Struct, frozen=True):
    """Where the payment goes on: the bank's page, or the address that takes the one-time password."""

    url: str | None
    payload: JsonObject | None = None
    content_type: str | None = None
    method: str | None = None
    redirect_to_bank: str | UnsetType | None = UNSET


class PayOrderEntity(msgspec.Struct, frozen=True):
    """A payment that was started. `action` is `link` for the bank's page, and `post` for a one-time password."""

    payment_amount: float
    cf_payment_id: str
    payment_method: str
    channel: str
    action: str
    data: OrderPayData


class OrderAuthenticatePaymentRequest(msgspec.Struct, frozen=True):
    """The body of Submit or Resend OTP. `action` is `SUBMIT_OTP` or `RESEND_OTP`."""

    otp: str | int | UnsetType | None = UNSET
    action: str | UnsetType = UNSET

    def __repr__(self) -> str:
        """Leave out the one-time password."""
        return f"OrderAuthenticatePaymentRequest(action={self.action!r}, ...)"


class OrderAuthenticateEntity(msgspec.Struct, frozen=True):
    """What became of a one-time password; `payment_message` says what became of the payment."""

    cf_payment_id: str
    action: str
    authenticate_status: str
    payment_message: str


class ErrorDetailsInPaymentsEntity(msgspec.Struct, frozen=True):
    """Why a payment failed. The raw fields are the bank's own."""

    error_code: str
    error_description: str
    error_reason: str
    error_source: str
    error_code_raw: str | None = None
    error_description_raw: str | None = None
    error_subcode_raw: str | None = None


class AuthorizationInPaymentsEntity(msgspec.Struct, frozen=True):
    """A pre-authorisation. The emulator has none."""

    action: str | None = None
    status: str | None = None
    captured_amount: float | None = None
    start_time: str | None = None
    end_time: str | None = None
    approve_by: str | None = None
    action_reference: str | None = None
    action_time: str | None = None


class PaymentMethodCardInPaymentsEntityCard(msgspec.Struct, frozen=True):
    """The card that a payment was made with. `instrument_id` is that of the saved card, once there is one."""

    channel: str
    card_number: str | None
    card_network: str | None
    card_type: str | None
    card_sub_type: str | UnsetType | None = UNSET
    card_country: str | None = None
    card_bank_name: str | None = None
    card_network_reference_id: str | None = None
    instrument_id: str | None = None


class PaymentMethodCardInPaymentsEntity(msgspec.Struct, frozen=True):
    """A payment by card."""

    card: PaymentMethodCardInPaymentsEntityCard


class InternationalPaymentEntity(msgspec.Struct, frozen=True):
    """Whether the card was issued abroad."""

    international: bool


class PaymentGatewayDetails(msgspec.Struct, frozen=True):
    """The gateway that carried a payment."""

    gateway_name: str | None = None
    gateway_order_id: str | None = None
    gateway_payment_id: str | None = None
    gateway_order_reference_id: str | None = None
    gateway_status_code: str | None = None
    gateway_settlement: str | None = None
    gateway_reference_name: str | None = None


class PaymentEntityPaymentSurcharge(msgspec.Struct, frozen=True):
    """A fee that the customer paid in addition. The emulator takes none."""

    payment_surcharge_service_charge: float
    payment_surcharge_service_tax: float


class PaymentEntity(msgspec.Struct, frozen=True):
    """A payment of an order."""

    cf_payment_id: str
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
    order_currency: str | UnsetType
    authorization: AuthorizationInPaymentsEntity | None
    payment_method: PaymentMethodCardInPaymentsEntity
    international_payment: InternationalPaymentEntity | UnsetType | None = UNSET
    payment_gateway_details: PaymentGatewayDetails | UnsetType | None = UNSET
    payment_surcharge: PaymentEntityPaymentSurcharge | UnsetType | None = UNSET


class OrderCreateRefundRequest(msgspec.Struct, frozen=True):
    """The body of Create Refund."""

    refund_amount: float | UnsetType = UNSET
    refund_id: str | UnsetType | None = UNSET
    refund_note: str | UnsetType | None = UNSET
    refund_speed: str | UnsetType | None = UNSET
    refund_splits: list[VendorSplit] | UnsetType | None = UNSET


class RefundSpeed(msgspec.Struct, frozen=True):
    """The speed that was asked for, and the one that the refund has."""

    requested: str | None = None
    accepted: str | None = None
    processed: str | None = None
    message: str | None = None


class RefundEntity(msgspec.Struct, frozen=True):
    """A refund of an order."""

    cf_payment_id: str
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
    forex_conversion_handling_charge: float | UnsetType | None = UNSET
    forex_conversion_handling_tax: float | UnsetType | None = UNSET
    forex_conversion_rate: float | UnsetType | None = UNSET
    charges_currency: str | UnsetType | None = UNSET


class EntitySimulationRequest(msgspec.Struct, frozen=True):
    """How a payment ends."""

    payment_status: str | UnsetType = UNSET
    payment_error_code: str | UnsetType | None = UNSET


class SimulateRequest(msgspec.Struct, frozen=True):
    """The body of Simulate Payment. `entity_id` is the `cf_payment_id`."""

    entity: str | UnsetType = UNSET
    entity_id: str | UnsetType | None = UNSET
    entity_simulation: EntitySimulationRequest | UnsetType | None = UNSET
    vba_simulation: JsonObject | UnsetType | None = UNSET


class EntitySimulationResponse(msgspec.Struct, frozen=True):
    """How a payment was made to end."""

    payment_status: str
    payment_error_code: str | None = None


class SimulationResponse(msgspec.Struct, frozen=True):
    """A simulation."""

    simulation_id: str
    entity: str
    entity_id: str
    entity_simulation: EntitySimulationResponse


REQUIRED: dict[type[msgspec.Struct], tuple[str, ...]] = {
    CreateOrderRequest: ("order_amount", "order_currency"),
    CustomerDetails: ("customer_id", "customer_phone"),
    PayOrderRequest: ("payment_session_id", "payment_method"),
    Card: ("channel",),
    OrderAuthenticatePaymentRequest: ("action",),
    OrderCreateRefundRequest: ("refund_amount",),
    SimulateRequest: ("entity",),
    EntitySimulationRequest: ("payment_status",),
}
"""The fields of requests that the newest official SDKs require. The server may require more, by what the others say."""
