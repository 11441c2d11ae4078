"""Decoders that keep what they can: one odd field or element of a genuine answer must not cost the rest."""

from __future__ import annotations

import logging
from typing import Any, Final, TypeVar

import msgspec

from tokenvault_client.results import Cryptogram, Instrument

StructT = TypeVar("StructT", bound=msgspec.Struct)

logger: Final = logging.getLogger("tokenvault_client")

_INSTRUMENT: Final = msgspec.json.Decoder(Instrument)
_INSTRUMENTS: Final = msgspec.json.Decoder(tuple[Instrument, ...])
_CRYPTOGRAM: Final = msgspec.json.Decoder(Cryptogram)


def decode_instrument(body: bytes) -> Instrument:
    """Return the card of a body.

    Raises:
        DecodeError: The body is not JSON, or has no `instrument_id`.
    """
    try:
        return _INSTRUMENT.decode(body)
    except msgspec.ValidationError:
        return tolerant(Instrument, msgspec.json.decode(body))


def decode_cryptogram(body: bytes) -> Cryptogram:
    """Return the cryptogram of a body.

    Raises:
        DecodeError: The body is not JSON, or a field that a payment needs is absent or invalid.
    """
    try:
        return _CRYPTOGRAM.decode(body)
    except msgspec.ValidationError:
        return tolerant(Cryptogram, msgspec.json.decode(body))


def decode_instruments(body: bytes) -> tuple[Instrument, ...]:
    """Return the cards of a body. An element without an `instrument_id` is left out, and a warning is logged.

    Raises:
        DecodeError: The body is not a JSON list.
    """
    try:
        return _INSTRUMENTS.decode(body)
    except msgspec.ValidationError:
        return _tolerant_instruments(msgspec.json.decode(body))


def _tolerant_instruments(elements: Any) -> tuple[Instrument, ...]:  # noqa: ANN401  # any JSON
    if not isinstance(elements, list):
        raise msgspec.ValidationError("the body is not a list")
    found = []
    for element in elements:
        try:
            found.append(tolerant(Instrument, element))
        except msgspec.ValidationError:
            logger.warning("an element of a list of cards has no instrument_id and was left out")
    return tuple(found)


def tolerant(kind: type[StructT], decoded: Any) -> StructT:  # noqa: ANN401  # any JSON
    """Return a struct from decoded JSON, without the optional fields that have another type than documented.

    Raises:
        ValidationError: A required field is absent or has another type.
    """
    decoded = numbers_as_text(decoded)
    if not isinstance(decoded, dict):
        return msgspec.convert(decoded, kind)
    kept = dict(decoded)
    for field in msgspec.structs.fields(kind):
        try:
            kept[field.encode_name] = _tolerant_value(field.type, kept[field.encode_name])
        except KeyError:
            continue
        except msgspec.ValidationError:
            del kept[field.encode_name]
    return msgspec.convert(kept, kind)


def _tolerant_value(kind: Any, value: Any) -> Any:  # noqa: ANN401  # any type and any JSON
    """Return the value of a field, tolerantly if it is an optional struct.

    Raises:
        ValidationError: The value has another type.
    """
    for option in getattr(kind, "__args__", ()):
        if isinstance(option, type) and issubclass(option, msgspec.Struct) and isinstance(value, dict):
            return msgspec.to_builtins(tolerant(option, value))
    msgspec.convert(value, kind)
    return value


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
