"""The options of all methods."""

from __future__ import annotations

from typing import TypedDict


class Options(TypedDict, total=False):
    """The options of a call."""

    _request_timeout: float | tuple[float, float] | None
    """Seconds for the whole call. A pair is added up."""
    _headers: dict[str, str]
    _preload_content: bool
    """With False, `data` is None and `raw_data` contains the undecoded bytes."""
    _request_auth: dict[str, str]
    """One header that replaces all credentials: `{"in": "header", "key": ..., "value": ...}`."""
    _content_type: str
    """It has no effect: these calls have no body."""
