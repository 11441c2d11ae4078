"""The body of a 422."""

from cashfree_pg.models._error import ErrorModel


class IdempotencyError(ErrorModel):
    """The idempotency key was used for a different call."""
