"""The body of a 400."""

from cashfree_pg.models._error import ErrorModel


class BadRequestError(ErrorModel):
    """Something in the call is missing or wrong."""
