"""What can go wrong, in one small tree: each class knows its kind, its code on the wire and what it tells the caller.

A docstring here is the text of the reference page of errors. Messages never contain what the caller sent: an id or a
card number in an error would end in somebody's log. `hint` is for operators; it is logged and shown by the CLI, never
sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from tokenvault_contract.problems import Kind


class VaultError(Exception):
    """Something was refused or failed; every error that leaves this package is one."""

    kind: ClassVar[Kind] = Kind.INTERNAL
    code: str = "internal_error"
    message: str = "internal Server Error"

    def __init__(self, *, hint: str = "") -> None:
        """Keep `hint`, which says to operators what to do next."""
        super().__init__(self.message)
        self.hint = hint


class MissingFieldError(VaultError):
    """A field that the call needs was not sent."""

    kind = Kind.INVALID

    def __init__(self, field: str) -> None:
        """Name the field; it must be one of ours, never text of the caller."""
        self.code = f"{field}_missing"
        self.message = f"{field} : is missing in the request."
        super().__init__()


class InvalidFieldError(VaultError):
    """A field was sent with a value that cannot be used."""

    kind = Kind.INVALID

    def __init__(self, field: str, reason: str = "is invalid") -> None:
        """Name the field and, in our own words, what is wrong with it."""
        self.code = f"{field}_invalid"
        self.message = f"{field} : {reason}."
        super().__init__()


class BodyInvalidError(VaultError):
    """The body is not the JSON object that this operation takes, or has a field it does not know."""

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
        """List the versions that may be asked for."""
        self.message = f"version is missing in the request. Supported versions: {', '.join(supported)}"
        super().__init__()


class VersionInvalidError(VaultError):
    """The `x-api-version` header names a version that the vault does not speak."""

    kind = Kind.INVALID
    code = "version_invalid"

    def __init__(self, supported: tuple[str, ...]) -> None:
        """List the versions that may be asked for."""
        self.message = f"version is not supported. Supported versions: {', '.join(supported)}"
        super().__init__()


class AuthenticationError(VaultError):
    """The credentials are missing, incomplete, wrong, expired or revoked; which of these is never told."""

    kind = Kind.UNAUTHENTICATED
    code = "request_failed"
    message = "authentication Failed"

    def __init__(self, claimed: str | None = None) -> None:
        """Keep whose name was used (a merchant's id, for its audit chain), or None if nobody has that name."""
        self.claimed = claimed
        super().__init__()


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
        """Keep the methods that the URL does have, for the `allow` header (RFC 9110, 15.5.6)."""
        self.allowed = allowed
        super().__init__()


class InstrumentNotFoundError(VaultError):
    """The customer has no such saved card: it never existed, was deleted, or belongs to somebody else."""

    kind = Kind.NOT_FOUND
    code = "instrument_not_found"
    message = "instrument is not found"


class InstrumentInactiveError(VaultError):
    """The saved card exists, but its token is suspended or expired, so it has no cryptogram."""

    kind = Kind.CONFLICT
    code = "instrument_inactive"
    message = "instrument is not active"


class TooManyInstrumentsError(VaultError):
    """The customer has as many saved cards as the vault allows."""

    kind = Kind.CONFLICT
    code = "instrument_limit_reached"
    message = "customer has the maximum number of saved instruments"


class CardNotSupportedError(VaultError):
    """The token service provider does not serve this card's range."""

    kind = Kind.INVALID
    code = "card_not_supported"
    message = "card is not supported"


class IdempotencyMismatchError(VaultError):
    """The idempotency key was used before, for another call or with another body."""

    kind = Kind.IDEMPOTENCY
    code = "idempotency_error"
    message = "the idempotency key was used for another request"


class RequestInProgressError(VaultError):
    """The first call with this idempotency key is still being carried out; repeat it in a moment."""

    kind = Kind.CONFLICT
    code = "request_in_progress"
    message = "a request with this idempotency key is in progress, please repeat it in a moment"


class RateLimitedError(VaultError):
    """Too many calls in the last minute; the rate limit headers say how long to wait."""

    kind = Kind.RATE_LIMITED
    code = "request_failed"
    message = "Too many requests. Check headers"


class TokenServiceUnavailableError(VaultError):
    """The token service provider is down, slow or refused to answer; nothing was saved."""

    kind = Kind.UPSTREAM
    code = "tokenization_service_unavailable"
    message = "tokenization service is unavailable, please try again later"


class TokenServiceNotAskedError(TokenServiceUnavailableError):
    """The token service provider failed several times in a row, so for some seconds it is not asked at all."""


class UnusableAnswerError(TokenServiceUnavailableError):
    """The token service provider answered what cannot be used: it does not know the token, or says what cannot be."""


class UnknownProviderError(TokenServiceUnavailableError):
    """The token was made by a provider that is not configured; repeat the call once it is configured again."""

    def __init__(self, tsp_id: str, *, configured: Sequence[str]) -> None:
        """Name the missing provider and those that are there."""
        super().__init__(
            hint=f"the token was made by the provider '{tsp_id}', and [tsp.{tsp_id}] is missing from the settings; "
            f"configured are: {', '.join(configured)}"
        )


class StaleReadError(VaultError):
    """What a call was decided on had changed by the time it was to be written; such a call acts anew, twice at most."""


class OperatorError(VaultError):
    """An operator asked for something that cannot be done; only the command line tells it."""


class MerchantNotFoundError(OperatorError):
    """No merchant has this id."""

    kind = Kind.NOT_FOUND
    code = "merchant_not_found"
    message = "no merchant has this id"

    def __init__(self) -> None:
        """Say where the ids are listed."""
        super().__init__(hint="`tokenvault merchant list` shows the merchants and their ids")


class PartnerNotFoundError(OperatorError):
    """No partner has this id."""

    kind = Kind.NOT_FOUND
    code = "partner_not_found"
    message = "no partner has this id"

    def __init__(self) -> None:
        """Say where the ids are listed."""
        super().__init__(hint="`tokenvault partner list` shows the partners and their ids")


class CredentialNotFoundError(OperatorError):
    """The merchant has no such secret or signature key, or the partner no such key."""

    kind = Kind.NOT_FOUND
    code = "credential_not_found"
    message = "there is no such credential"

    def __init__(self) -> None:
        """Say where the ids are listed."""
        super().__init__(
            hint="`tokenvault merchant secrets` and `tokenvault partner keys` list credentials by their ids"
        )


class TooManyCredentialsError(OperatorError):
    """Two secrets, or two keys of a partner, are live already: enough to replace one by the other."""

    kind = Kind.CONFLICT
    code = "credential_limit_reached"
    message = "two credentials are live already"

    def __init__(self) -> None:
        """Say what makes room."""
        super().__init__(hint="revoke one, wait until one expires, or end both with `--overlap 0`")


class EndpointNotFoundError(OperatorError):
    """The merchant has no such webhook endpoint."""

    kind = Kind.NOT_FOUND
    code = "webhook_endpoint_not_found"
    message = "there is no such webhook endpoint"

    def __init__(self) -> None:
        """Say where the ids are listed."""
        super().__init__(hint="`tokenvault webhooks endpoints list` shows the endpoints and their ids")


class EventNotFoundError(OperatorError):
    """The merchant has no such event, or its body was dropped: the card was deleted, or the time to keep it is over."""

    kind = Kind.NOT_FOUND
    code = "webhook_event_not_found"
    message = "there is no such webhook event"

    def __init__(self) -> None:
        """Say where the ids are listed."""
        super().__init__(hint="`tokenvault webhooks list` shows the events that are kept")


class TooManyEndpointsError(OperatorError):
    """The merchant has as many webhook endpoints as the vault allows."""

    kind = Kind.CONFLICT
    code = "webhook_endpoint_limit_reached"
    message = "the merchant has the maximum number of webhook endpoints"

    def __init__(self) -> None:
        """Say what makes room."""
        super().__init__(hint="`tokenvault webhooks endpoints remove` drops one")


class SuspensionNotSupportedError(OperatorError):
    """The token service provider of this card does not suspend tokens on request."""

    kind = Kind.CONFLICT
    code = "suspension_not_supported"
    message = "the provider of this card does not suspend tokens"

    def __init__(self) -> None:
        """Say what can be done instead."""
        super().__init__(hint="delete the saved card, or have its issuer suspend it")


class OnlyTestCryptogramsError(OperatorError):
    """The card's token was made by a real provider; the command line issues test cryptograms only."""

    kind = Kind.CONFLICT
    code = "only_test_cryptograms"
    message = "the card is not of a built-in token service"

    def __init__(self) -> None:
        """Say what issues real ones."""
        super().__init__(hint="call the API: it authenticates whoever asks")


class AmountNotBoundError(OperatorError):
    """The token service provider of this card does not bind cryptograms to amounts."""

    kind = Kind.CONFLICT
    code = "amount_not_bound"
    message = "the provider of this card does not bind cryptograms to amounts"

    def __init__(self) -> None:
        """Say what can be done instead."""
        super().__init__(hint="ask for a cryptogram without an amount")


class SealBrokenError(VaultError):
    """A sealed record does not open: it was altered, moved, or sealed with another key."""


class KeyUnavailableError(VaultError):
    """A key that is needed cannot be had from the key provider."""


class KeyProviderError(VaultError):
    """The configured key provider cannot be used as it is."""


class SettingsError(VaultError):
    """The configuration is not usable."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Say which setting is wrong, without its value."""
        self.message = message
        super().__init__(hint=hint)


class StoreError(VaultError):
    """The database cannot be used: unreachable, locked, too old, or of a newer version of this software."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Say what is wrong with the store, without its contents."""
        self.message = message
        super().__init__(hint=hint)


class StoreUnavailableError(StoreError):
    """The database cannot be used at the moment: away, busy or read-only. Nothing is wrong with what was asked."""


class SchemaMissingError(StoreError):
    """The database lacks a table: it was never set up."""

    def __init__(self) -> None:
        """Say what sets it up."""
        super().__init__("the database was never set up", hint="run `tokenvault init DIR`, or `tokenvault migrate`")
