"""The dated versions of the API: the code speaks only the newest shape, older ones are undone from it here.

`CHANGES` tells, newest first, what each dated version changed and how to take that change back. A reply for an older
version is the newest one with every later change undone. Nothing else in the house asks for a version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Final

import msgspec

from tokenvault_contract import headers
from tokenvault_contract.entities import InstrumentEntity
from tokenvault_contract.problems import ErrorBody
from tokenvault_contract.versions import LATEST, SUPPORTED, ApiVersion
from tokenvault_server.api.call import Call
from tokenvault_server.errors import SettingsError, VersionInvalidError, VersionMissingError

_HEADER = headers.API_VERSION.encode()
_KNOWN: dict[str, ApiVersion] = {version: version for version in SUPPORTED}
_INDIA: Final = timezone(timedelta(hours=5, minutes=30))

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Change:
    """What one version of the API changed, and how a body is told to clients that are older."""

    version: ApiVersion
    summary: str
    undo_instrument: Callable[[InstrumentEntity], InstrumentEntity]
    undo_error: Callable[[ErrorBody], ErrorBody]


def _older_instrument(entity: InstrumentEntity) -> InstrumentEntity:
    meta = entity.instrument_meta
    details = meta.card_token_details
    return msgspec.structs.replace(
        entity,
        instrument_display=entity.instrument_display.replace("X", "x"),
        created_at=datetime.fromisoformat(entity.created_at).astimezone(_INDIA).strftime("%Y-%m-%d %H:%M:%S"),
        instrument_meta=msgspec.structs.replace(
            meta,
            card_network=meta.card_network.upper(),
            card_type=meta.card_type.upper(),
            card_sub_type=msgspec.UNSET,
            card_token_details=details and msgspec.structs.replace(details, expiry_year=details.expiry_year[-2:]),
        ),
    )


def _older_error(error: ErrorBody) -> ErrorBody:
    return msgspec.structs.replace(error, help=msgspec.UNSET)


CHANGES: Final = (
    Change(
        version=ApiVersion("2025-01-01"),
        summary=(
            "Networks and card types in lower case, display in upper-case X, `created_at` in ISO 8601 with "
            "milliseconds and UTC offset instead of Indian time without a zone, four-digit year of the token's expiry, "
            "`card_sub_type`, and `help` in errors."
        ),
        undo_instrument=_older_instrument,
        undo_error=_older_error,
    ),
)
"""Newest first."""


def requested(call: Call) -> ApiVersion:
    """Give the version that a call asks for; VersionMissingError or VersionInvalidError list the ones there are."""
    text = call.header(_HEADER)
    if not text:
        raise VersionMissingError(SUPPORTED)
    version = _KNOWN.get(text)
    if version is None:
        raise VersionInvalidError(SUPPORTED)
    return version


def deprecations(dates: Mapping[str, date]) -> dict[ApiVersion, bytes]:
    """Give what `x-deprecated-at` says for each version that ends; SettingsError for a version that there is not."""
    if dates.keys() - _KNOWN.keys():
        raise SettingsError(f"deprecated_versions knows {', '.join(SUPPORTED)}")
    return {_KNOWN[version]: day.isoformat().encode() for version, day in dates.items()}


def render(entity: msgspec.Struct | list[InstrumentEntity], version: ApiVersion) -> bytes:
    """Give the JSON of a body in the shape of a version."""
    if version != LATEST:
        for change in CHANGES:
            if version < change.version:
                entity = _undo(change, entity)
    return _encode(entity)


def _undo(change: Change, entity: msgspec.Struct | list[InstrumentEntity]) -> msgspec.Struct | list[InstrumentEntity]:
    match entity:
        case InstrumentEntity():
            return change.undo_instrument(entity)
        case ErrorBody():
            return change.undo_error(entity)
        case list():
            return [change.undo_instrument(each) for each in entity]
        case _:
            return entity
