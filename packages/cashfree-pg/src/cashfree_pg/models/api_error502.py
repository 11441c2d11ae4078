"""The body of a 502."""

from cashfree_pg.models._error import ErrorModel


class ApiError502(ErrorModel):
    """The bank or the token service failed."""
