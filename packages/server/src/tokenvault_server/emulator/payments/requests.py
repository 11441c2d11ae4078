"""Reads the bodies of the order-and-pay calls: JSON becomes checked values, or an error that names a field.

Fields that the emulator does not use are ignored, as programs send what their SDK sends. Free text is refused when it
holds what looks like a card number. Names of fields in errors are the published ones, such as `card_cvv_missing` and
`customer_details.customer_phone_missing`.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, UnsetType

from tokenvault_contract.payment_entities import (
    Card,
    CreateOrderRequest,
    CustomerDetails,
    OrderAuthenticatePaymentRequest,
    OrderCreateRefundRequest,
    PayOrderRequest,
    SimulateRequest,
    TerminateOrderRequest,
)
from tokenvault_server.api.call import INCOMPLETE
from tokenvault_server.domain.card import Expiry, Pan, parse_expiry, parse_pan
from tokenvault_server.domain.clock import DAY, SECOND
from tokenvault_server.domain.identifiers import ID_RULE, CustomerId, InstrumentId, acceptable_name, acceptable_segment
from tokenvault_server.domain.network_token import NetworkToken
from tokenvault_server.domain.secret import Secret
from tokenvault_server.emulator.payments.errors import NotEmulatedError
from tokenvault_server.emulator.payments.records import Channel, Customer, Means, PaymentStatus
from tokenvault_server.errors import BodyInvalidError, InvalidFieldError, MissingFieldError, VaultError

T = TypeVar("T")

ORDER_LIFE: Final = 30 * DAY
"""How long an order can be paid if the merchant says nothing. Not published."""
MAX_AMOUNT: Final = 1_000_000_00
_MAX_TAGS: Final = 10

_LOCATION: Final = re.compile(r"at `\$\.([a-z_.]+)(?:\[[^`]*)?`$")
_EXPECTED: Final = re.compile(r"^Expected `(\w+)")
_TYPES: Final = {"str": "text", "float": "number", "int": "number", "bool": "boolean", "array": "list"}
_TYPE_RULE: Final = "must have the documented type"
_ID: Final = re.compile(r"[A-Za-z0-9_-]+")
_PHONE: Final = re.compile(r"(?:\+?91)?([0-9]{10})")
_CVV: Final = re.compile(r"[0-9]{3,4}")
_OTP: Final = re.compile(r"[0-9]{1,10}")
_TRID: Final = re.compile(r"[0-9]{11}")
_LAST4: Final = re.compile(r"[0-9]{4}")
_ERROR_CODE: Final = re.compile(r"[A-Z][A-Z_]{0,63}")


class NewOrder(NamedTuple):
    """An order to create."""

    order_id: str | None
    amount: int
    currency: str
    customer: Customer
    expires_at: int
    note: str | None
    tags: dict[str, str] | None
    return_url: str | None
    notify_url: str | None


class PlainCard(NamedTuple):
    """A card to pay with. The CVV was checked and is dropped here (PCI DSS 3.3.1)."""

    pan: Pan
    expiry: Expiry


class PresentedToken(NamedTuple):
    """A network token with its cryptogram."""

    number: NetworkToken
    expiry: Expiry
    cryptogram: Secret[str]
    trid: str
    last4: str | None


class NewPayment(NamedTuple):
    """A payment to start."""

    channel: Channel
    means: Means
    save: bool
    card: PlainCard | None = None
    token: PresentedToken | None = None
    instrument_id: InstrumentId | None = None


class NewRefund(NamedTuple):
    """A refund to make."""

    refund_id: str | None
    amount: int
    note: str | None
    speed: str


class NewSimulation(NamedTuple):
    """How a payment is to end."""

    cf_payment_id: str
    status: PaymentStatus
    error_code: str | None


def order(body: bytes, now: int) -> NewOrder:
    """Read the body of Create Order."""
    wire = _parsed(body, CreateOrderRequest)
    meta = wire.order_meta or None
    return NewOrder(
        order_id=_id(_given(wire.order_id), "order_id", 45),
        amount=_amount(_present(wire.order_amount, "order_amount"), "order_amount", minimum=100),
        currency=_choice(_given(wire.order_currency) or "INR", "order_currency", ("INR",)),
        customer=_customer(_present(wire.customer_details, "customer_details")),
        expires_at=_expiry_time(_given(wire.order_expiry_time), now),
        note=_text(_given(wire.order_note), "order_note", 3, 200),
        tags=_tags(_given(wire.order_tags)),
        return_url=_url(meta.return_url, "order_meta.return_url") if meta else None,
        notify_url=_url(meta.notify_url, "order_meta.notify_url") if meta else None,
    )


def session_of(body: bytes) -> str:
    """Read the session that authorises Order Pay, and nothing else of its body."""
    return _present(_parsed(body, PayOrderRequest).payment_session_id, "payment_session_id")


def payment(body: bytes) -> NewPayment:
    """Read the body of Order Pay.

    Raises:
        NotEmulatedError: it asks for another method than a card, or for a guest token.
    """
    wire = _parsed(body, PayOrderRequest)
    card = _present(wire.payment_method, "payment_method").card
    if card is UNSET:
        raise NotEmulatedError
    if _given(card.token_type) or _given(card.emi_tenure):
        raise NotEmulatedError
    channel = Channel(_choice(_present(card.channel, "channel"), "channel", ("link", "post")))
    if instrument_id := _given(card.instrument_id):
        if not acceptable_segment(instrument_id):
            raise InvalidFieldError("instrument_id", ID_RULE)
        _check_cvv(card, required=False)
        return NewPayment(channel, Means.SAVED, save=False, instrument_id=InstrumentId(instrument_id))
    if _given(card.cryptogram):
        return NewPayment(channel, Means.TOKEN, save=False, token=_token(card))
    _check_cvv(card, required=True)
    plain = PlainCard(_pan(card), _expiry(card))
    return NewPayment(channel, Means.CARD, save=wire.save_instrument is True, card=plain)


def one_time_password(body: bytes) -> str | None:
    """Read the body of Submit or Resend OTP: the password, or None to send it again."""
    wire = _parsed(body, OrderAuthenticatePaymentRequest)
    action = _choice(_present(wire.action, "action"), "action", ("SUBMIT_OTP", "RESEND_OTP"))
    if action == "RESEND_OTP":
        return None
    otp = str(_present(wire.otp, "otp"))
    if not _OTP.fullmatch(otp):
        raise InvalidFieldError("otp", "must be up to ten digits")
    return otp


def termination(body: bytes) -> None:
    """Read the body of Terminate Order, which can only ask for one thing."""
    wire = _parsed(body, TerminateOrderRequest)
    _choice(_present(wire.order_status, "order_status"), "order_status", ("TERMINATED",))


def refund(body: bytes) -> NewRefund:
    """Read the body of Create Refund."""
    wire = _parsed(body, OrderCreateRefundRequest)
    return NewRefund(
        refund_id=_id(_given(wire.refund_id), "refund_id", 40),
        amount=_amount(_present(wire.refund_amount, "refund_amount"), "refund_amount", minimum=1),
        note=_text(_given(wire.refund_note), "refund_note", 3, 100),
        speed=_choice(_given(wire.refund_speed) or "STANDARD", "refund_speed", ("STANDARD", "INSTANT")),
    )


def simulation(body: bytes) -> NewSimulation:
    """Read the body of Simulate Payment.

    Raises:
        NotEmulatedError: it is about a subscription or a bank transfer.
    """
    wire = _parsed(body, SimulateRequest)
    entity = _choice(_present(wire.entity, "entity"), "entity", ("PAYMENTS", "SUBS_PAYMENTS", "VBA_TRANSFER"))
    if entity != "PAYMENTS":
        raise NotEmulatedError
    entity_id = _present(wire.entity_id, "entity_id")
    wanted = _present(wire.entity_simulation, "entity_simulation")
    field = "entity_simulation.payment_status"
    statuses = tuple(map(str, PaymentStatus))[1:]
    status = PaymentStatus(_choice(_present(wanted.payment_status, field), field, statuses))
    code = _given(wanted.payment_error_code)
    if code and not _ERROR_CODE.fullmatch(code):
        raise InvalidFieldError("entity_simulation.payment_error_code", "must be capital letters and underscores")
    return NewSimulation(str(entity_id), status, code)


def _parsed(body: bytes, shape: type[T]) -> T:
    fault: VaultError
    if body == INCOMPLETE:
        raise BodyInvalidError("the body did not arrive completely in time")
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        # The library's message may quote the body: take only the location and the type from it, which are our own.
        location, wanted = _LOCATION.search(str(error)), _EXPECTED.search(str(error))
        rule = f"must be of the type {_TYPES.get(wanted[1], 'object')}" if wanted else _TYPE_RULE
        name = location[1].removeprefix("payment_method.card.") if location else ""
        fault = InvalidFieldError(name, rule) if name else BodyInvalidError("the body must be a JSON object")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fault = BodyInvalidError("the body is not JSON in UTF-8")
    # This is raised here: inside `except`, its context would be the error of the decoder, which may quote the body.
    raise fault


def _present(value: T | UnsetType | None, field: str) -> T:
    if value is UNSET or value is None or value == "":
        raise MissingFieldError(field)
    return value


def _given(value: T | UnsetType | None) -> T | None:
    return None if value is UNSET else value


def _choice(value: str, field: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise InvalidFieldError(field, f"must be {' or '.join(choices)}")
    return value


def _id(value: str | None, field: str, max_length: int) -> str | None:
    if value is None:
        return None
    if not 3 <= len(value) <= max_length or not _ID.fullmatch(value) or not acceptable_segment(value):
        raise InvalidFieldError(
            field, f"must be 3 to {max_length} letters, digits, hyphens or underscores, without a card number"
        )
    return value


def _text(value: str | None, field: str, min_length: int, max_length: int) -> str | None:
    if value is None:
        return None
    if len(value) < min_length or not acceptable_name(value, max_length):
        raise InvalidFieldError(field, f"must be {min_length} to {max_length} characters, without a card number")
    return value


def _amount(value: float, field: str, minimum: int) -> int:
    """Return an amount in paise."""
    paise = round(value * 100) if abs(value) < MAX_AMOUNT else MAX_AMOUNT + 1
    if not minimum <= paise <= MAX_AMOUNT or abs(value * 100 - paise) > 1e-6:
        raise InvalidFieldError(field, f"Invalid amount, must be {minimum / 100:g} to 1000000 with up to two decimals")
    return paise


def _customer(wire: CustomerDetails) -> Customer:
    prefix = "customer_details."
    customer_id = _present(wire.customer_id, f"{prefix}customer_id")
    if len(customer_id) > 50 or not acceptable_segment(customer_id):
        raise InvalidFieldError(f"{prefix}customer_id", "must be 1 to 50 characters, without a card number")
    phone = _PHONE.fullmatch(_present(wire.customer_phone, f"{prefix}customer_phone"))
    if phone is None:
        raise InvalidFieldError(f"{prefix}customer_phone", "must be ten digits")
    return Customer(
        customer_id=CustomerId(customer_id),
        phone=phone[1],
        email=_text(_given(wire.customer_email), f"{prefix}customer_email", 3, 100),
        name=_text(_given(wire.customer_name), f"{prefix}customer_name", 3, 100),
    )


def _expiry_time(value: str | None, now: int) -> int:
    if value is None:
        return now + ORDER_LIFE
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        moment = None  # refused below, outside of the error that quotes the value
    if moment is None or moment.tzinfo is None or (expires_at := int(moment.timestamp() * SECOND)) <= now:
        raise InvalidFieldError("order_expiry_time", "must be a moment in the future with its time zone")
    return expires_at


def _tags(value: dict[str, str] | None) -> dict[str, str] | None:
    if value is None:
        return None
    fine = len(value) <= _MAX_TAGS and all(acceptable_name(each, 255) for pair in value.items() for each in pair)
    if not fine:
        raise InvalidFieldError("order_tags", "must be up to ten names with values of up to 255 characters")
    return value


def _url(value: str | None, field: str) -> str | None:
    """Return a URL that a browser may be sent to."""
    if not value:
        return None
    try:
        parts = urlsplit(value)
        fine = parts.scheme in {"http", "https"} and parts.hostname and acceptable_name(value, 250)
    except ValueError:
        fine = False
    if not fine or any(character.isspace() or character in "\"'<>;," for character in value):
        raise InvalidFieldError(field, "must be an http or https address of up to 250 characters")
    return value


def _pan(card: Card) -> Pan:
    pan = parse_pan(_present(card.card_number, "card_number"))
    if pan is None:
        raise InvalidFieldError("card_number", "must be 12 to 19 digits with a right check digit")
    return pan


def _expiry(card: Card) -> Expiry:
    month, year = _present(card.card_expiry_mm, "card_expiry_mm"), _present(card.card_expiry_yy, "card_expiry_yy")
    expiry = parse_expiry(month, year)
    if expiry is None:
        raise InvalidFieldError("card_expiry", "card_expiry_mm must be 01 to 12, card_expiry_yy two or four digits")
    return expiry


def _check_cvv(card: Card, *, required: bool) -> None:
    cvv = _given(card.card_cvv)
    if not cvv and not required:
        return
    if not _CVV.fullmatch(_present(cvv, "card_cvv")):
        raise InvalidFieldError("card_cvv", "must be three or four digits")


def _token(card: Card) -> PresentedToken:
    number = parse_pan(_present(card.card_number, "card_number"))
    if number is None:
        raise InvalidFieldError("card_number", "must be the digits of a token")
    trid = _present(card.token_requestor_id, "token_requestor_id")
    if not _TRID.fullmatch(trid):
        raise InvalidFieldError("token_requestor_id", "must be eleven digits")
    last4 = _given(card.card_display)
    if last4 and not _LAST4.fullmatch(last4):
        raise InvalidFieldError("card_display", "must be the last four digits of the card")
    cryptogram = Secret(_present(card.cryptogram, "cryptogram"))
    return PresentedToken(NetworkToken(number.reveal()), _expiry(card), cryptogram, trid, last4)
