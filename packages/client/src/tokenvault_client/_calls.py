"""The five calls as plain values: method, path with encoded ids, body, and a function that decodes the response.

An id is always exactly one segment of the path. This module rejects ids that a proxy would normalise and ids that look
like an unfilled template, before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from tokenvault_client.errors import UsageError
from tokenvault_client.results import Card, Consent, Cryptogram, Instrument
from tokenvault_contract.operations import (
    DELETE_INSTRUMENT,
    ENROL_INSTRUMENT,
    FETCH_CRYPTOGRAM,
    FETCH_INSTRUMENT,
    FETCH_INSTRUMENTS,
    OPERATIONS,
    Operation,
)

T = TypeVar("T")

MAX_ID_LENGTH: Final = 128

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_IDS: Final = ("customer_id", "instrument_id")
# With `%`, a path takes a third of the time that `str.format` with a dictionary takes. That saves 5 % of a whole call.
_TEMPLATES: Final = {operation.key: operation.path.format_map(dict.fromkeys(_IDS, "%s")) for operation in OPERATIONS}


class Call(NamedTuple, Generic[T]):
    """One call, without a caller, a version or an idempotency key."""

    operation: Operation
    path: str
    decode: Callable[[bytes], T]
    body: bytes | None = None


class _Enrolment(msgspec.Struct):
    """The body of the enrolment route, with the field names of the contract."""

    card: Card
    afa_reference: str
    consent: Consent
    instrument_type: str = "card"


def fetch_instruments(customer_id: str, instrument_type: str) -> Call[tuple[Instrument, ...]]:
    path = _path(FETCH_INSTRUMENTS, customer_id)
    return Call(FETCH_INSTRUMENTS, f"{path}?instrument_type={quote(instrument_type, safe='')}", _decode_instruments)


def fetch_instrument(customer_id: str, instrument_id: str) -> Call[Instrument]:
    return Call(FETCH_INSTRUMENT, _path(FETCH_INSTRUMENT, customer_id, instrument_id), _decode_instrument)


def delete_instrument(customer_id: str, instrument_id: str) -> Call[Instrument]:
    return Call(DELETE_INSTRUMENT, _path(DELETE_INSTRUMENT, customer_id, instrument_id), _decode_instrument)


def fetch_cryptogram(customer_id: str, instrument_id: str) -> Call[Cryptogram]:
    return Call(FETCH_CRYPTOGRAM, _path(FETCH_CRYPTOGRAM, customer_id, instrument_id), _CRYPTOGRAM.decode)


def enrol_instrument(customer_id: str, card: Card, afa_reference: str, consent: Consent) -> Call[Instrument]:
    body = msgspec.json.encode(_Enrolment(card, afa_reference, consent))
    return Call(ENROL_INSTRUMENT, _path(ENROL_INSTRUMENT, customer_id), _decode_instrument, body)


def _path(operation: Operation, *ids: str) -> str:
    return _TEMPLATES[operation.key] % tuple(map(_segment, _IDS, ids))


def _segment(name: str, value: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a string")
    if _PLAIN.fullmatch(value):
        return value  # nearly every id takes this path
    if not 0 < len(value) <= MAX_ID_LENGTH:
        raise UsageError(f"{name} must have 1 to {MAX_ID_LENGTH} characters")
    if value in {".", ".."} or (value[0] == "{" and value[-1] == "}"):
        raise UsageError(f"{name} must not be a dot segment or a template")
    if not value.isprintable():
        raise UsageError(f"{name} must be printable")
    return quote(value, safe="")


_INSTRUMENT: Final = msgspec.json.Decoder(Instrument)
_INSTRUMENTS: Final = msgspec.json.Decoder(tuple[Instrument, ...])
_CRYPTOGRAM: Final = msgspec.json.Decoder(Cryptogram)


def _decode_instrument(body: bytes) -> Instrument:
    try:
        return _INSTRUMENT.decode(body)
    except msgspec.ValidationError:
        return msgspec.convert(numbers_as_text(msgspec.json.decode(body)), Instrument)


def _decode_instruments(body: bytes) -> tuple[Instrument, ...]:
    try:
        return _INSTRUMENTS.decode(body)
    except msgspec.ValidationError:
        return msgspec.convert(numbers_as_text(msgspec.json.decode(body)), tuple[Instrument, ...])


def numbers_as_text(body: Any) -> Any:  # noqa: ANN401  # any JSON
    """Return JSON with integers as text: in Cashfree's documents before 2023-08-01, some ids are numbers."""
    match body:
        case list():
            return [numbers_as_text(item) for item in body]
        case dict():
            return {name: numbers_as_text(item) for name, item in body.items()}
        case int() if not isinstance(body, bool):
            return str(body)
        case _:
            return body
