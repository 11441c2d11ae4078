"""The body of a 429."""

from cashfree_pg.models._error import ErrorModel


class RateLimitError(ErrorModel):
    """Too many calls this minute."""
