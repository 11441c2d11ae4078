"""All errors of the server. Each class has its kind, its code on the wire and its message for the caller.

The docstrings of these classes are the text of the reference page of errors. A message never contains what the caller
sent: an id or a card number in an error would end up in a log. `hint` is for operators. It is logged and shown by the
CLI, but never sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tokenvault_contract.problems import Kind


class VaultError(Exception):
    """Something failed unexpectedly. All errors of the server derive from this one."""

    kind: ClassVar[Kind] = Kind.INTERNAL
    code: str = "internal_error"
    message: str = "internal Server Error"
    hint: str = ""

    def __init__(self, message: str = "", *, hint: str = "") -> None:
        """Take a message and a hint in place of those of the class. `hint` tells operators what to do next."""
        if message:
            self.message = message
        super().__init__(self.message)
        if hint:
            self.hint = hint


class MissingFieldError(VaultError):
    """A required field was not sent."""

    kind = Kind.INVALID

    def __init__(self, field: str) -> None:
        """Name the field: one of our own names, never text from the caller."""
        self.code = f"{field}_missing"
        self.message = f"{field} : is missing in the request."
        super().__init__()


class InvalidFieldError(VaultError):
    """A field has a value that cannot be used."""

    kind = Kind.INVALID

    def __init__(self, field: str, reason: str = "is invalid") -> None:
        """Name the field and the reason, in our own words."""
        self.code = f"{field}_invalid"
        self.message = f"{field} : {reason}."
        super().__init__()


class BodyInvalidError(VaultError):
    """The body is not the JSON object that this operation takes, or has an unknown field."""

    kind = Kind.INVALID
    code = "request_invalid"
    message = "the body is not valid for this operation, please check API documentation"


class BodyTooLargeError(VaultError):
    """The body is larger than the vault accepts."""

    kind = Kind.TOO_LARGE
    code = "request_too_large"
    message = "the body is too large"


class VersionMissingError(VaultError):
    """The `x-api-version` header is missing."""

    kind = Kind.INVALID
    code = "version_missing"

    def __init__(self, supported: tuple[str, ...]) -> None:
        """List the supported versions."""
        self.message = f"version is missing in the request. Supported versions: {', '.join(supported)}"
        super().__init__()


class VersionInvalidError(VaultError):
    """The `x-api-version` header names a version that the vault does not support."""

    kind = Kind.INVALID
    code = "version_invalid"

    def __init__(self, supported: tuple[str, ...]) -> None:
        """List the supported versions."""
        self.message = f"version is not supported. Supported versions: {', '.join(supported)}"
        super().__init__()


class AuthenticationError(VaultError):
    """The credentials are missing, incomplete, wrong, expired or revoked. The answer never says which."""

    kind = Kind.UNAUTHENTICATED
    code = "request_failed"
    message = "authentication Failed"

    def __init__(self, claimed: str | None = None) -> None:
        """Keep the id of the merchant that was named, for its audit chain; None if no merchant has it."""
        self.claimed = claimed
        super().__init__()


class MerchantSuspendedError(VaultError):
    """The credentials are right, and the vault's operator has suspended the merchant. Its saved cards are kept."""

    kind = Kind.FORBIDDEN
    code = "merchant_suspended"
    message = "the merchant is suspended, please ask the operator of the vault"


class PartnerSuspendedError(VaultError):
    """The partner's key is right, and the vault's operator has suspended the partner."""

    kind = Kind.FORBIDDEN
    code = "partner_suspended"
    message = "the partner is suspended, please ask the operator of the vault"


class RouteNotFoundError(VaultError):
    """No operation has this URL."""

    kind = Kind.NOT_FOUND
    code = "request_failed"
    message = "bad URL, please check API documentation"


class MethodNotAllowedError(VaultError):
    """The URL exists, but not with this method."""

    kind = Kind.METHOD_NOT_ALLOWED
    code = "method_not_allowed"
    message = "method not allowed for this URL, please check API documentation"

    def __init__(self, allowed: tuple[str, ...] = ()) -> None:
        """Keep the methods that the URL supports, for the `allow` header (RFC 9110, 15.5.6)."""
        self.allowed = allowed
        super().__init__()


class InstrumentNotFoundError(VaultError):
    """The customer has no such saved card. It never existed, was deleted, or belongs to another customer."""

    kind = Kind.NOT_FOUND
    code = "instrument_not_found"
    message = "instrument is not found"


class InstrumentInactiveError(VaultError):
    """The saved card exists, but its token is suspended or expired, so no cryptogram can be issued."""

    kind = Kind.CONFLICT
    code = "instrument_inactive"
    message = "instrument is not active"


class TooManyInstrumentsError(VaultError):
    """The customer has the maximum number of saved cards."""

    kind = Kind.CONFLICT
    code = "instrument_limit_reached"
    message = "customer has the maximum number of saved instruments"


class CardNotSupportedError(VaultError):
    """The token service provider does not support this card's range."""

    kind = Kind.INVALID
    code = "card_not_supported"
    message = "card is not supported"


class IdempotencyMismatchError(VaultError):
    """The idempotency key was used before for another call or another body."""

    kind = Kind.IDEMPOTENCY
    code = "idempotency_error"
    message = "the idempotency key was used for another request"


class RequestInProgressError(VaultError):
    """The first call with this idempotency key is still in progress. Repeat the call in a moment."""

    kind = Kind.CONFLICT
    code = "request_in_progress"
    message = "a request with this idempotency key is in progress, please repeat it in a moment"


class RateLimitedError(VaultError):
    """Too many calls in the last minute. The rate limit headers say how long to wait."""

    kind = Kind.RATE_LIMITED
    code = "request_failed"
    message = "Too many requests. Check headers"


class TokenServiceUnavailableError(VaultError):
    """The token service provider is down, too slow, or refused the request. Nothing was saved."""

    kind = Kind.UPSTREAM
    code = "tokenization_service_unavailable"
    message = "tokenization service is unavailable, please try again later"


class TokenServiceNotAskedError(TokenServiceUnavailableError):
    """The token service provider failed several times in a row. For some seconds it is not called at all."""


class UnusableAnswerError(TokenServiceUnavailableError):
    """The token service provider returned an invalid response, or does not know the token."""


class UnknownProviderError(TokenServiceUnavailableError):
    """The provider that made the token is not configured. Repeat the call when it is configured again."""

    def __init__(self, tsp_id: str, *, configured: Sequence[str]) -> None:
        """Name the missing provider and the configured ones."""
        super().__init__(
            hint=f"the token was made by the provider '{tsp_id}', and [tsp.{tsp_id}] is missing from the settings; "
            f"configured are: {', '.join(configured)}"
        )


class StaleReadError(VaultError):
    """Data that a call had read was changed before the call was written. The call is retried, at most twice."""


class OperatorError(VaultError):
    """An operator's command cannot be carried out. Only the command line shows these errors."""


class MerchantNotFoundError(OperatorError):
    """No merchant has this id."""

    kind = Kind.NOT_FOUND
    code = "merchant_not_found"
    message = "no merchant has this id"
    hint = "`tokenvault merchant list` shows the merchants and their ids"


class PartnerNotFoundError(OperatorError):
    """No partner has this id."""

    kind = Kind.NOT_FOUND
    code = "partner_not_found"
    message = "no partner has this id"
    hint = "`tokenvault partner list` shows the partners and their ids"


class AccountRemovedError(OperatorError):
    """The merchant or the partner was removed. It cannot be resumed, and nothing can be added to it."""

    kind = Kind.CONFLICT
    code = "account_removed"
    message = "the merchant or partner was removed"
    hint = "it cannot be resumed; `merchant add` and `partner add` make new ones"


class AccountChangedError(OperatorError):
    """Another command changed the state of the merchant or the partner at the same time."""

    kind = Kind.CONFLICT
    code = "account_changed"
    message = "another command changed its state at the same time"
    hint = "`show` prints its state; repeat the command if it still applies"


class CardsNotDeletedError(OperatorError):
    """Saved cards of the merchant were changed in the database, or do not open, so the merchant is not removed yet."""

    kind = Kind.CONFLICT
    code = "cards_not_deleted"

    def __init__(self, count: int) -> None:
        """Say how many there are."""
        self.message = f"{count} saved cards could not be deleted; the merchant stays suspended"
        super().__init__(hint="the log names them; run `tokenvault audit verify`, then repeat the command")


class CredentialNotFoundError(OperatorError):
    """The merchant has no such secret or signature key, or the partner has no such key."""

    kind = Kind.NOT_FOUND
    code = "credential_not_found"
    message = "there is no such credential"
    hint = "`tokenvault merchant secrets` and `tokenvault partner keys` list credentials and their ids"


class TooManyCredentialsError(OperatorError):
    """Two secrets, or two keys of a partner, are live already. Two are enough to replace one by the other."""

    kind = Kind.CONFLICT
    code = "credential_limit_reached"
    message = "two credentials are live already"
    hint = "revoke one, wait until one expires, or end both with `--overlap 0`"


class EndpointNotFoundError(OperatorError):
    """The merchant has no such webhook endpoint."""

    kind = Kind.NOT_FOUND
    code = "webhook_endpoint_not_found"
    message = "there is no such webhook endpoint"
    hint = "`tokenvault webhooks endpoints list` shows the endpoints and their ids"


class EventNotFoundError(OperatorError):
    """The merchant has no such event, or it was deleted: with its card, or because `webhook_keep_days` is over."""

    kind = Kind.NOT_FOUND
    code = "webhook_event_not_found"
    message = "there is no such webhook event"
    hint = "`tokenvault webhooks list` shows the events that are kept"


class TooManyEndpointsError(OperatorError):
    """The merchant has the maximum number of webhook endpoints."""

    kind = Kind.CONFLICT
    code = "webhook_endpoint_limit_reached"
    message = "the merchant has the maximum number of webhook endpoints"
    hint = "`tokenvault webhooks endpoints remove` deletes one"


class SuspensionNotSupportedError(OperatorError):
    """The token service provider of this card does not suspend tokens on request."""

    kind = Kind.CONFLICT
    code = "suspension_not_supported"
    message = "the provider of this card does not suspend tokens"
    hint = "delete the saved card, or have its issuer suspend it"


class OnlyTestCryptogramsError(OperatorError):
    """The card's token was made by a real provider. The command line issues only test cryptograms."""

    kind = Kind.CONFLICT
    code = "only_test_cryptograms"
    message = "the card does not belong to a built-in token service"
    hint = "call the API, which authenticates the caller"


class AmountNotBoundError(OperatorError):
    """The token service provider of this card does not bind cryptograms to amounts."""

    kind = Kind.CONFLICT
    code = "amount_not_bound"
    message = "the provider of this card does not bind cryptograms to amounts"
    hint = "ask for a cryptogram without an amount"


class SealBrokenError(VaultError):
    """A sealed record cannot be opened: it was altered, moved, or sealed with another key."""


class RowNotAuthenticError(VaultError):
    """A row was changed in the database by something other than the vault, or put back."""


class KeyUnavailableError(VaultError):
    """The key provider cannot supply a key that is needed."""


class KeyProviderError(VaultError):
    """The configured key provider cannot be used."""


class SettingsError(VaultError):
    """The configuration is not valid. The message names the setting, without its value."""


class StoreError(VaultError):
    """The database cannot be used: it is unreachable, locked, too old, or of a newer version of Tokenvault."""


class StoreUnavailableError(StoreError):
    """The database cannot be used at the moment: it is unreachable, busy or read-only. The call itself is valid."""


class SchemaMissingError(StoreError):
    """A table is missing: the database was never set up."""

    def __init__(self) -> None:
        """Add the commands that set it up."""
        super().__init__("the database was never set up", hint="run `tokenvault init DIR`, or `tokenvault migrate`")
