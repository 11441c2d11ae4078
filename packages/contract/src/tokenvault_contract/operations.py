"""The operations of the API as a table: one row for each operation.

Routes, rate limits, metrics, OpenAPI and the conformance tests are generated from these rows. The first four are those
of the published Token Vault document, in its order. The fifth saves a card; it is Tokenvault's own route.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from tokenvault_contract.entities import CryptogramEntity, EnrolmentRequest, InstrumentEntity
from tokenvault_contract.problems import Kind

Method = Literal["GET", "POST", "PATCH", "DELETE"]

_ALWAYS: Final = (
    Kind.INVALID,
    Kind.UNAUTHENTICATED,
    Kind.FORBIDDEN,
    Kind.IDEMPOTENCY,
    Kind.RATE_LIMITED,
    Kind.INTERNAL,
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation that a merchant can call."""

    name: str
    """The name of the method in the published SDKs."""
    key: str
    """The name in settings, metrics and logs."""
    method: Method
    path: str
    summary: str
    description: str
    returns: type
    success: int = 200
    problems: tuple[Kind, ...] = _ALWAYS
    """The kinds of failure that can occur. The published document lists more, the same for nearly all operations."""
    query: tuple[str, ...] = ()
    takes: type | None = None
    acts: bool = True
    """Whether a call changes state. If so, a repeat with the same idempotency key must not act again."""
    documented: bool = True
    """Whether the operation is in the published document."""
    many: bool = False
    no_store: bool = False
    by_session: bool = False
    """Whether an id of a payment in the call authenticates it, and no credentials: browsers make such calls."""

    @property
    def of_customer(self) -> bool:
        """Whether its path begins with the id of a customer."""
        return self.path.startswith("/customers/{customer_id}")


_CUSTOMER: Final = "/customers/{customer_id}/instruments"
_INSTRUMENT: Final = _CUSTOMER + "/{instrument_id}"

DELETE_INSTRUMENT: Final = Operation(
    name="PGCustomerDeleteInstrument",
    key="delete_instrument",
    method="DELETE",
    path=_INSTRUMENT,
    summary="Delete Saved Card Instrument",
    description="Remove a saved card of a customer. A repeat gets the same response for as long as it is stored.",
    returns=InstrumentEntity,
    problems=(*_ALWAYS, Kind.NOT_FOUND, Kind.CONFLICT),
)
FETCH_INSTRUMENT: Final = Operation(
    name="PGCustomerFetchInstrument",
    key="fetch_instrument",
    method="GET",
    path=_INSTRUMENT,
    summary="Fetch Specific Saved Card Instrument",
    description="Return one saved card of a customer.",
    returns=InstrumentEntity,
    problems=(*_ALWAYS, Kind.NOT_FOUND),
    acts=False,
)
FETCH_INSTRUMENTS: Final = Operation(
    name="PGCustomerFetchInstruments",
    key="fetch_instruments",
    method="GET",
    path=_CUSTOMER,
    summary="Fetch All Saved Card Instrument",
    description="Return all saved cards of a customer, oldest first. An unknown customer has none.",
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
    description="Return the network token, its expiry and a new single-use cryptogram for a saved card.",
    returns=CryptogramEntity,
    problems=(*_ALWAYS, Kind.NOT_FOUND, Kind.CONFLICT, Kind.UPSTREAM),
    no_store=True,
)
ENROL_INSTRUMENT: Final = Operation(
    name="EnrolInstrument",
    key="enrol_instrument",
    method="POST",
    path=_CUSTOMER,
    summary="Save a card",
    description="Exchange a card for a network token and store the token. Tokenvault's own route.",
    returns=InstrumentEntity,
    success=201,
    problems=(*_ALWAYS, Kind.NOT_FOUND, Kind.CONFLICT, Kind.TOO_LARGE, Kind.UPSTREAM),
    takes=EnrolmentRequest,
    documented=False,
)

OPERATIONS: Final = (DELETE_INSTRUMENT, FETCH_INSTRUMENT, FETCH_INSTRUMENTS, FETCH_CRYPTOGRAM, ENROL_INSTRUMENT)

BASE_PATH: Final = "/pg"
"""The prefix of every path, as in `https://sandbox.cashfree.com/pg`."""
