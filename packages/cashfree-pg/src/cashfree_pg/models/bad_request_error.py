"""The body of a 400."""

from cashfree_pg.models._error import ErrorModel


class BadRequestError(ErrorModel):
    """A part of the call is missing or invalid."""
