"""Hooks for Schemathesis: strategies for the custom string formats of the OpenAPI document."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st

from tokenvault_server.tsp.local.sandbox_cards import SANDBOX_CARDS

YEAR = datetime.now(UTC).year
PRINTABLE = st.characters(codec="utf-8", exclude_categories=["C", "Z"], include_characters=" ")

schemathesis.openapi.format("card-number", st.sampled_from([card.prefix for card in SANDBOX_CARDS]))
schemathesis.openapi.format("card-expiry-year", st.integers(YEAR + 1, YEAR + 20).map(str))
schemathesis.openapi.format("holder-name", st.text(PRINTABLE, max_size=100))
schemathesis.openapi.format(
    "date-time",
    st.datetimes(datetime(1971, 1, 1), datetime(YEAR - 1, 1, 1), timezones=st.just(UTC)).map(datetime.isoformat),  # noqa: DTZ001  # Hypothesis adds the zone
)


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, object]) -> None:
    """Give every call its own idempotency key. A schema cannot express that one key belongs to one call."""
    if case.headers and case.headers.get("x-idempotency-key"):
        case.headers["x-idempotency-key"] = str(uuid4())
