"""The body of a 404."""

from cashfree_pg.models._error import ErrorModel


class ApiError404(ErrorModel):
    """The instrument does not exist."""
