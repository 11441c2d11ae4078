"""The body of a 409."""

from cashfree_pg.models._error import ErrorModel


class ApiError409(ErrorModel):
    """The state of the instrument forbids the call."""
