"""Dated versions of the API: the code knows only the newest shape, and older shapes are made from it here.

`CHANGES` lists, newest first, what each dated version changed and how to undo it, for the body of every operation and
for the body of errors. A `Versions` compiles the list at start-up and fails if an entry is missing, so a new operation
or a new version cannot be forgotten (docs/adr/0029). No other module compares versions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final, Generic, TypeVar

import msgspec

from tokenvault_contract import headers
from tokenvault_contract.entities import CryptogramEntity, InstrumentEntity, SavedInstrumentMeta
from tokenvault_contract.operations import (
    DELETE_INSTRUMENT,
    ENROL_INSTRUMENT,
    FETCH_CRYPTOGRAM,
    FETCH_INSTRUMENT,
    FETCH_INSTRUMENTS,
    OPERATIONS,
    Operation,
)
from tokenvault_contract.problems import ErrorBody
from tokenvault_contract.versions import SUPPORTED, ApiVersion
from tokenvault_server.api.call import Request
from tokenvault_server.api.shape import Body, Shape
from tokenvault_server.errors import SettingsError, VersionInvalidError, VersionMissingError

B = TypeVar("B", bound=msgspec.Struct)

_HEADER = headers.API_VERSION.encode()
_DEPRECATED_AT = headers.DEPRECATED_AT.encode()
_INDIA: Final = timezone(timedelta(hours=5, minutes=30))


@dataclass(frozen=True, slots=True)
class Undo(Generic[B]):
    """How one body returns to the shape that it had before a change."""

    takes: type[B]
    """The body's shape after the change; for a list, the shape of each item."""
    older: Callable[[B], msgspec.Struct] | None
    """None leaves the body as it is."""
    gives: type[msgspec.Struct] | None = None
    """The body's shape before the change, where it is another class."""


def unchanged(body: type[B]) -> Undo[B]:
    """Return the entry of a body that a version did not change."""
    return Undo(body, None)


@dataclass(frozen=True, slots=True)
class Change:
    """What one version of the API changed, and how each body is undone for clients of older versions."""

    version: ApiVersion
    summary: str
    bodies: Mapping[Operation, Undo[Any]]
    """One entry for each operation: how the body of its success is undone."""
    error: Undo[Any]
    """How the body of an error is undone."""
    added: Mapping[type[msgspec.Struct], tuple[str, ...]] = field(default_factory=dict)
    """The fields that older versions lack, by struct; `api/openapi.py` leaves them out of their documents."""


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


_INSTRUMENT_2025: Final = Undo(InstrumentEntity, _older_instrument)

CHANGES: Final = (
    Change(
        version=ApiVersion("2025-01-01"),
        summary=(
            "Networks and card types in lower case, display in upper-case X, `created_at` in ISO 8601 with "
            "milliseconds and UTC offset instead of Indian time without a zone, four-digit year of the token's expiry, "
            "`card_sub_type`, and `help` in errors."
        ),
        bodies={
            FETCH_INSTRUMENTS: _INSTRUMENT_2025,
            FETCH_INSTRUMENT: _INSTRUMENT_2025,
            DELETE_INSTRUMENT: _INSTRUMENT_2025,
            ENROL_INSTRUMENT: _INSTRUMENT_2025,
            FETCH_CRYPTOGRAM: unchanged(CryptogramEntity),
        },
        error=Undo(ErrorBody, _older_error),
        added={SavedInstrumentMeta: ("card_sub_type",), ErrorBody: ("help",)},
    ),
)
"""Newest first."""


def newer_than(version: ApiVersion, changes: Sequence[Change] = CHANGES) -> list[Change]:
    """Return the changes that a caller of a version does not see, newest first."""
    return [change for change in changes if version < change.version]


class Versions:
    """The supported versions of the API, compiled from the list of changes."""

    def __init__(
        self,
        supported: Sequence[ApiVersion] = SUPPORTED,
        changes: Sequence[Change] = CHANGES,
        operations: Sequence[Operation] = OPERATIONS,
        deprecated: Mapping[str, date] | None = None,
    ) -> None:
        """Compile the shape of each version.

        Args:
            supported: All versions, oldest first.
            changes: What later versions changed, newest first.
            operations: The operations whose bodies need an entry in every change.
            deprecated: The days that `x-deprecated-at` names, by version.

        Raises:
            ValueError: A change is out of order, belongs to no version, or misses the entry of a body.
            SettingsError: `deprecated` names an unsupported version.
        """
        deprecated = deprecated or {}
        if deprecated.keys() - set(supported):
            raise SettingsError(f"deprecated_versions knows {', '.join(supported)}")
        _check(supported, changes, operations)
        self._supported = tuple(supported)
        shapes = {version: _shape(version, changes, operations, deprecated.get(version)) for version in supported}
        self._by_header = {version.encode(): shape for version, shape in shapes.items()}
        self.newest = shapes[supported[-1]]
        """The shape of answers to calls that name no supported version."""

    def shape_of(self, request: Request) -> Shape:
        """Return the shape that the answer to a request has, whatever becomes of the request."""
        return self._by_header.get(request.headers.get(_HEADER, b""), self.newest)

    def check(self, request: Request) -> None:
        """Raise VersionMissingError or VersionInvalidError, which list the supported versions, unless one is named."""
        version = request.headers.get(_HEADER)
        if not version:
            raise VersionMissingError(self._supported)
        if version not in self._by_header:
            raise VersionInvalidError(self._supported)


def _check(supported: Sequence[ApiVersion], changes: Sequence[Change], operations: Sequence[Operation]) -> None:
    """Raise ValueError unless the changes are in order and each one has an entry for every body."""
    dates = [change.version for change in changes]
    if dates != sorted(set(dates), reverse=True) or not set(dates) <= set(supported):
        raise ValueError("changes are listed newest first, one for each supported version that changed something")
    for change in changes:
        keys = [each.key for each in operations]
        described = _by_key(change)
        if missing := [key for key in keys if key not in described]:
            raise ValueError(f"version {change.version} does not say how to undo the body of {', '.join(missing)}")
        if unknown := [key for key in described if key not in keys]:
            raise ValueError(f"version {change.version} undoes the body of no operation: {', '.join(unknown)}")
    for operation in operations:
        _check_chain(
            operation.key, operation.returns, [(each.version, _by_key(each)[operation.key]) for each in changes]
        )
    _check_chain("error", ErrorBody, [(each.version, each.error) for each in changes])


def _by_key(change: Change) -> dict[str, Undo[Any]]:
    return {operation.key: undo for operation, undo in change.bodies.items()}


def _check_chain(name: str, body: type, undone: list[tuple[ApiVersion, Undo[Any]]]) -> None:
    """Raise ValueError unless each undo takes the shape that the one before it gives."""
    for version, undo in undone:
        if undo.takes is not body:
            raise ValueError(f"version {version} undoes {undo.takes.__name__}, the body of {name} is {body.__name__}")
        body = undo.gives or undo.takes


def _shape(version: ApiVersion, changes: Sequence[Change], operations: Sequence[Operation], ends: date | None) -> Shape:
    """Compile the undo of every change that is newer than a version."""
    newer = [change for change in changes if version < change.version]
    bodies: dict[str, Callable[[Any], Body]] = {}
    for operation in operations:
        older = _composed(_by_key(change)[operation.key] for change in newer)
        if older:
            bodies[operation.key] = _each(older) if operation.many else older
    version_headers = [(_HEADER, version.encode())]
    if ends:
        version_headers.append((_DEPRECATED_AT, ends.isoformat().encode()))
    return Shape(version, version_headers, bodies, _composed(change.error for change in newer))


def _composed(undone: Iterator[Undo[Any]]) -> Callable[[Any], msgspec.Struct] | None:
    """Return one function that undoes several changes, newest first; None when none of them changed the body."""
    steps = [undo.older for undo in undone if undo.older]
    if not steps:
        return None

    def older(body: msgspec.Struct) -> msgspec.Struct:
        for step in steps:
            body = step(body)
        return body

    return older


def _each(older: Callable[[Any], msgspec.Struct]) -> Callable[[Any], Body]:
    return lambda bodies: [older(body) for body in bodies]


DEFAULT: Final = Versions()
"""The versions as they are published; importing this module fails when `CHANGES` misses an entry."""
