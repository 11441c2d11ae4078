"""The body of a 401."""

from cashfree_pg.models._error import ErrorModel


class AuthenticationError(ErrorModel):
    """The credentials are unknown or incomplete."""
