"""Reads the body of the enrolment route: JSON becomes a request to the vault, or an error that names a field."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from tokenvault_contract.entities import EnrolmentCard, EnrolmentConsent, EnrolmentRequest
from tokenvault_server.api.call import INCOMPLETE
from tokenvault_server.domain.card import Expiry, Pan, parse_expiry, parse_pan
from tokenvault_server.domain.card_numbers import holds_card_number
from tokenvault_server.domain.clock import MINUTE, SECOND
from tokenvault_server.domain.identifiers import CustomerId, MerchantId, acceptable_name
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import BodyInvalidError, InvalidFieldError, MissingFieldError, VaultError
from tokenvault_server.tsp.provider import CardDetails, Evidence, ProvisionRequest

T = TypeVar("T")

_decode = msgspec.json.Decoder(EnrolmentRequest).decode
_LOCATION = re.compile(r"at `\$\.([a-z_.]+)`$")
_BYTE = re.compile(r"\(byte ([0-9]+)\)")
_OBJECTS: Final = {
    "": EnrolmentRequest.__struct_fields__,
    "card": EnrolmentCard.__struct_fields__,
    "consent": EnrolmentConsent.__struct_fields__,
}
"""The fields of each object of the body, by the object's own field."""
_FIELDS: Final = frozenset(f"{name}.{field}".removeprefix(".") for name, fields in _OBJECTS.items() for field in fields)
_REFERENCE_RULE: Final = "must be 1 to 64 visible ASCII characters, without a card number"
_MOMENT_RULE: Final = "must be a moment with its time zone, such as 2026-01-31T10:00:00+05:30"
_REFERENCE = re.compile(r"[\x21-\x7e]{1,64}")
_HOLDER_LENGTH = 100
_HOLDER_RULE: Final = f"must be up to {_HOLDER_LENGTH} printable characters, without a card number"
_CLOCK_SKEW = 5 * MINUTE


def read(body: bytes, merchant_id: MerchantId, customer_id: CustomerId, now: int) -> ProvisionRequest:
    """Parse and validate a body.

    Raises:
        MissingFieldError: Names a required field.
        InvalidFieldError: Names a field.
        BodyInvalidError: The body is not the documented JSON object. An unknown field (a CVV, say) is refused, never
            ignored.
    """
    wire = _parse(body)
    if _present(wire.instrument_type, "instrument_type") != "card":
        raise InvalidFieldError("instrument_type", "must be card")
    card = _present(wire.card, "card")
    details = CardDetails(_pan(card), _expiry(card), _holder(card.card_holder_name))
    afa_reference = _reference(wire.afa_reference, "afa_reference")
    consent = _present(wire.consent, "consent")
    given_at = _moment(consent.given_at, now)
    text_version = _reference(consent.text_version, "consent.text_version")
    return ProvisionRequest(details, merchant_id, customer_id, Evidence(afa_reference, given_at, text_version))


def _parse(body: bytes) -> EnrolmentRequest:
    if body == INCOMPLETE:
        raise BodyInvalidError("the body did not arrive completely in time")
    try:
        return _decode(body)
    except msgspec.ValidationError as error:
        # The library's message may quote the body: take only the location from it, and only one of our own names.
        found = _LOCATION.search(str(error))
        location = found[1] if found and found[1] in _FIELDS else ""
        fault = _unknown_field(location) if "unknown field" in str(error) else _wrong_type(location)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        byte = _BYTE.search(str(error))
        fault = BodyInvalidError(f"the body is not JSON in UTF-8{f', at byte {byte[1]}' if byte else ''}")
    # This is raised here: inside `except`, its context would be the error of the decoder, which may quote the body.
    raise fault


def _unknown_field(location: str) -> BodyInvalidError:
    """Return the error for an object with a field that it cannot have. The caller's name for it is not repeated."""
    where = location if location in _OBJECTS else ""
    subject = f"{where} : has" if where else "the body has"
    return BodyInvalidError(f"{subject} an unknown field. Its fields are: {', '.join(_OBJECTS[where])}")


def _wrong_type(location: str) -> VaultError:
    """Return the error for a value that is neither text nor an object, where it must be one of them."""
    if not location:
        return BodyInvalidError("the body must be a JSON object")
    return InvalidFieldError(_name(location), "must be an object" if location in _OBJECTS else "must be text")


def _name(location: str) -> str:
    """Return the field's name as the API's errors say it: `card_number` for `card.card_number`."""
    return location.removeprefix("card.")


def _present(value: T | UnsetType, field: str) -> T:
    if value is UNSET or value == "":
        raise MissingFieldError(field)
    return value


def _pan(card: EnrolmentCard) -> Pan:
    pan = parse_pan(_present(card.card_number, "card_number"))
    if pan is None:
        raise InvalidFieldError("card_number", "must be 12 to 19 digits with a right check digit")
    return pan


def _expiry(card: EnrolmentCard) -> Expiry:
    month = _present(card.card_expiry_mm, "card_expiry_mm")
    expiry = parse_expiry(month, _present(card.card_expiry_yy, "card_expiry_yy"))
    if expiry is None:
        raise InvalidFieldError("card_expiry", "card_expiry_mm must be 01 to 12, card_expiry_yy two or four digits")
    return expiry


def _holder(name: str | UnsetType) -> Secret[str] | None:
    if name is UNSET or not isinstance(name, str):
        return None
    if name and not acceptable_name(name, _HOLDER_LENGTH):
        raise InvalidFieldError("card_holder_name", _HOLDER_RULE)
    return Secret(name)


def _reference(value: str | UnsetType, field: str) -> str:
    text = _present(value, field)
    if not _REFERENCE.fullmatch(text) or holds_card_number(text):
        raise InvalidFieldError(field, _REFERENCE_RULE)
    return text


def _moment(value: str | UnsetType, now: int) -> int:
    """Return the moment of consent; it must have a time zone and cannot lie in the future."""
    field = "consent.given_at"
    try:
        moment = datetime.fromisoformat(_present(value, field))
    except ValueError:
        raise InvalidFieldError(field, _MOMENT_RULE) from None
    if moment.tzinfo is None:
        raise InvalidFieldError(field, "needs a time zone")
    given_at = int(moment.timestamp() * SECOND)
    if not 0 <= given_at <= now + _CLOCK_SKEW:
        raise InvalidFieldError(field, "is not a moment in the past")
    return given_at
