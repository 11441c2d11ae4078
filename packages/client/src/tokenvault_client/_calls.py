"""The five calls as plain values: method, path with encoded ids, body, and a function that decodes the response.

An id is always exactly one segment of the path. This module rejects ids that a proxy would normalise and ids that look
like an unfilled template, before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar
from urllib.parse import quote

import msgspec

from tokenvault_client import _arguments as arguments
from tokenvault_client._decoding import decode_cryptogram, decode_instrument, decode_instruments
from tokenvault_client._secrets import Secret, hides_locals
from tokenvault_client.errors import UsageError
from tokenvault_client.results import Card, Consent, Cryptogram, Instrument
from tokenvault_contract.identifiers import holds_api_secret
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

_PLAIN: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_REFERENCE: Final = re.compile(r"[\x21-\x7e]{1,64}")
_IDS: Final = ("customer_id", "instrument_id")
# With `%`, a path takes a third of the time that `str.format` with a dictionary takes. That saves 5 % of a whole call.
_TEMPLATES: Final = {operation.key: operation.path.format_map(dict.fromkeys(_IDS, "%s")) for operation in OPERATIONS}


class Call(NamedTuple, Generic[T]):
    """One call, without a caller, a version or an idempotency key."""

    operation: Operation
    path: str
    decode: Callable[[bytes], T]
    body: Secret[bytes] | None = None


def fetch_instruments(customer_id: str, instrument_type: str) -> Call[tuple[Instrument, ...]]:
    path = _path(FETCH_INSTRUMENTS, customer_id)
    instrument_type = _reference("instrument_type", instrument_type)
    return Call(FETCH_INSTRUMENTS, f"{path}?instrument_type={quote(instrument_type, safe='')}", decode_instruments)


def fetch_instrument(customer_id: str, instrument_id: str) -> Call[Instrument]:
    return Call(FETCH_INSTRUMENT, _path(FETCH_INSTRUMENT, customer_id, instrument_id), decode_instrument)


def delete_instrument(customer_id: str, instrument_id: str) -> Call[Instrument]:
    return Call(DELETE_INSTRUMENT, _path(DELETE_INSTRUMENT, customer_id, instrument_id), decode_instrument)


def fetch_cryptogram(customer_id: str, instrument_id: str) -> Call[Cryptogram]:
    return Call(FETCH_CRYPTOGRAM, _path(FETCH_CRYPTOGRAM, customer_id, instrument_id), decode_cryptogram)


@hides_locals
def enrol_instrument(customer_id: str, card: Card, afa_reference: str, consent: Consent) -> Call[Instrument]:
    body = {
        "card": _fields("card", card, Card),
        "afa_reference": _reference("afa_reference", afa_reference),
        "consent": _fields("consent", consent, Consent),
        "instrument_type": "card",
    }
    encoded = Secret(msgspec.json.encode(body))
    return Call(ENROL_INSTRUMENT, _path(ENROL_INSTRUMENT, customer_id), decode_instrument, encoded)


@hides_locals
def payment_call(operation: Operation, ids: Sequence[str], body: object) -> Call[bytes]:
    """Return a call of the order-and-pay API; a body is a mapping, or a model with `to_dict`."""
    names = _PLACEHOLDER.findall(operation.path)
    path = _PLACEHOLDER.sub("%s", operation.path) % tuple(map(_segment, names, ids))
    if body is None:
        return Call(operation, path, bytes)
    fields = body if isinstance(body, Mapping) else getattr(body, "to_dict", dict)()
    return Call(operation, path, bytes, Secret(msgspec.json.encode(fields)))


def _fields(name: str, value: object, kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return the fields of a struct as plain text, without optional ones that are None."""
    arguments.check_instance(name, value, kind)
    return {
        field.name: arguments.text(f"{name}.{field.name}", part)
        for field in msgspec.structs.fields(kind)
        if (part := getattr(value, field.name)) is not None or field.required
    }


def _reference(name: str, value: str) -> str:
    plain = arguments.text(name, value)
    if not _REFERENCE.fullmatch(plain):
        raise UsageError(f"{name} must have 1 to 64 visible ASCII characters")
    return plain


def _path(operation: Operation, *ids: str) -> str:
    return _TEMPLATES[operation.key] % tuple(map(_segment, _IDS, ids))


def _segment(name: str, value: str) -> str:
    if type(value) is str and _PLAIN.fullmatch(value) and not holds_api_secret(value):
        return value  # nearly every id takes this path
    return quote(arguments.identifier(name, value), safe="")
