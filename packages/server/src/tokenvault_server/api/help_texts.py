"""The `help` of each error: what the caller can do, and the address of the error's entry in the documentation.

The reference page of errors prints the same texts. `api/problems` sends them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tokenvault_contract.documentation import error_section, page
from tokenvault_contract.problems import PROBLEMS
from tokenvault_server import errors
from tokenvault_server.errors import VaultError

TEST_CARDS: Final = page("reference/test-cards")
_CARD: Final = (
    "Send 12 to 19 digits without spaces. Without configured ranges, the built-in token service takes test cards only: "
    f"`tokenvault cards test` and {TEST_CARDS} list them."
)
_SUSPENDED: Final = (
    "The credentials are right: do not replace them. Ask the operator of the vault to resume the account; saved cards "
    "are kept."
)
TEXTS: Final[Mapping[type[VaultError], str]] = {
    VaultError: (
        "Repeat the call with the same idempotency key. If it fails again, give the operator of the vault the value of "
        "x-request-id: the log has the reason."
    ),
    errors.MissingFieldError: "Send the field, header or parameter that the message names. Empty counts as missing.",
    errors.InvalidFieldError: "Correct the field, header or parameter that the message names.",
    errors.BodyInvalidError: "Send one JSON object in UTF-8 with the documented fields only. A CVV is never accepted.",
    errors.BodyTooLargeError: "Send at most 16 KiB. The body that saves a card needs less than 1 KiB.",
    errors.VersionMissingError: "Send the header x-api-version with one of the versions that the message lists.",
    errors.VersionInvalidError: "Send one of the versions that the message lists, as a date without spaces.",
    errors.MerchantSuspendedError: _SUSPENDED,
    errors.PartnerSuspendedError: (
        "The partner's key is right: do not replace it. Ask the operator of the vault to resume the partner."
    ),
    errors.RouteNotFoundError: (
        "Correct the URL; this says nothing about a card. The base URL ends in /pg, and ids are percent-encoded."
    ),
    errors.MethodNotAllowedError: "Use one of the methods that the header allow lists.",
    errors.InstrumentNotFoundError: (
        "Fetch the customer's saved cards. If this one is not among them, it was deleted, or belongs to somebody else: "
        "do not repeat the call."
    ),
    errors.InstrumentInactiveError: (
        "Ask the customer for another card. INSTRUMENT_ACTIVE_WEBHOOK reports when a suspension ends; an expired token "
        "stays inactive."
    ),
    errors.TooManyInstrumentsError: "Delete a saved card of this customer first. The operator sets the maximum.",
    errors.CardNotSupportedError: _CARD,
    errors.IdempotencyMismatchError: "Use a new idempotency key for each new call. Repeat a call unchanged.",
    errors.RequestInProgressError: "Wait a second, and repeat the call unchanged, with the same idempotency key.",
    errors.TokenServiceUnavailableError: (
        "Repeat the call later with the same idempotency key. Nothing was saved, and no cryptogram was issued."
    ),
}
"""What the caller can do, by class. A subclass without a text of its own has that of its base."""
_WITH_CARD: Final = "card_number_invalid"
_FIELDS: Final[Mapping[type[VaultError], str]] = {
    errors.MissingFieldError: "field_missing",
    errors.InvalidFieldError: "field_invalid",
}
"""The sections of errors whose code begins with the name of a field."""


def section_of(kind: type[VaultError]) -> str:
    """Return the section of the page of errors that describes a class."""
    return error_section(PROBLEMS[kind.kind].status, _FIELDS.get(kind, kind.code))


def help_for(error: VaultError) -> str:
    """Return what the caller of a failed call can do, and where the documentation says more."""
    kind = next(base for base in type(error).__mro__ if base in TEXTS)
    text = _CARD if error.code == _WITH_CARD else TEXTS[kind]
    return f"{text} See {page('reference/errors', section_of(kind))}"
