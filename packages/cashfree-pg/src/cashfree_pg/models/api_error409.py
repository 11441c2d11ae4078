"""The body of a 409."""

from cashfree_pg.models._error import ErrorModel


class ApiError409(ErrorModel):
    """Not in this state."""
