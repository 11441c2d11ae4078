"""The body of a 500."""

from cashfree_pg.models._error import ErrorModel


class ApiError(ErrorModel):
    """The server failed."""
