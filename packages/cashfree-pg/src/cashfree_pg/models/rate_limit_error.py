"""The body of a 429."""

from cashfree_pg.models._error import ErrorModel


class RateLimitError(ErrorModel):
    """There were too many calls in a minute."""
