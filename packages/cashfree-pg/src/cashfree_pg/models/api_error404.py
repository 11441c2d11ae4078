"""The body of a 404."""

from cashfree_pg.models._error import ErrorModel


class ApiError404(ErrorModel):
    """There is no such instrument."""
