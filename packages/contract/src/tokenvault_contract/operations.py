"""The contract as a table: one row per operation.

Routes, rate limits, metrics, OpenAPI and the conformance tests are made from these rows. The first four are those of
the published Token Vault document, in its order; the fifth, saving a card, is our own route and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tokenvault_contract.entities import CryptogramEntity, EnrolmentRequest, InstrumentEntity
from tokenvault_contract.problems import Kind

Method = Literal["GET", "POST", "DELETE"]

_READ: Final = (
    Kind.INVALID,
    Kind.UNAUTHENTICATED,
    Kind.NOT_FOUND,
    Kind.CONFLICT,
    Kind.IDEMPOTENCY,
    Kind.RATE_LIMITED,
    Kind.INTERNAL,
    Kind.UPSTREAM,
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a merchant can ask for."""

    name: str
    """As the published SDKs call the method."""
    key: str
    """As settings, metrics and logs call it."""
    method: Method
    path: str
    summary: str
    description: str
    returns: type
    success: int = 200
    problems: tuple[Kind, ...] = _READ
    query: tuple[str, ...] = ()
    takes: type | None = None
    acts: bool = True
    """Whether a call changes anything, so that a repeat under one idempotency key must not act again."""
    documented: bool = True
    """Whether the published document has it."""
    many: bool = False
    no_store: bool = False


_CUSTOMER: Final = "/customers/{customer_id}/instruments"
_INSTRUMENT: Final = _CUSTOMER + "/{instrument_id}"

DELETE_INSTRUMENT: Final = Operation(
    name="PGCustomerDeleteInstrument",
    key="delete_instrument",
    method="DELETE",
    path=_INSTRUMENT,
    summary="Delete Saved Card Instrument",
    description="Remove a saved card of a customer. A repeat gets the same answer for as long as it is remembered.",
    returns=InstrumentEntity,
)
FETCH_INSTRUMENT: Final = Operation(
    name="PGCustomerFetchInstrument",
    key="fetch_instrument",
    method="GET",
    path=_INSTRUMENT,
    summary="Fetch Specific Saved Card Instrument",
    description="Give one saved card of a customer.",
    returns=InstrumentEntity,
    acts=False,
)
FETCH_INSTRUMENTS: Final = Operation(
    name="PGCustomerFetchInstruments",
    key="fetch_instruments",
    method="GET",
    path=_CUSTOMER,
    summary="Fetch All Saved Card Instrument",
    description="Give all saved cards of a customer, oldest first. A customer who is not known has none.",
    returns=InstrumentEntity,
    query=("instrument_type",),
    acts=False,
    many=True,
)
FETCH_CRYPTOGRAM: Final = Operation(
    name="PGCustomerInstrumentsFetchCryptogram",
    key="fetch_cryptogram",
    method="GET",
    path=_INSTRUMENT + "/cryptogram",
    summary="Fetch cryptogram for a saved card instrument",
    description="Give the network token, its expiry and a fresh single-use cryptogram for a saved card.",
    returns=CryptogramEntity,
    no_store=True,
)
ENROL_INSTRUMENT: Final = Operation(
    name="EnrolInstrument",
    key="enrol_instrument",
    method="POST",
    path=_CUSTOMER,
    summary="Save a card",
    description="Exchange a card for a network token and remember the token. Tokenvault's own route.",
    returns=InstrumentEntity,
    success=201,
    problems=(*_READ, Kind.TOO_LARGE),
    takes=EnrolmentRequest,
    documented=False,
)

OPERATIONS: Final = (DELETE_INSTRUMENT, FETCH_INSTRUMENT, FETCH_INSTRUMENTS, FETCH_CRYPTOGRAM, ENROL_INSTRUMENT)

BASE_PATH: Final = "/pg"
"""What stands before every path, as in `https://sandbox.cashfree.com/pg`."""
