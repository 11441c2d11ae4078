"""The intended differences between the official package and the drop-in, each with a documented reason.

A row allows certain fields of certain scenarios to differ, or an outcome to be of another kind. A difference without a
row fails the test, and so does a row without a difference.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, NamedTuple

FOUR, FIVE, SIX = "4.5.1", "5.0.5", "6.0.1"
EACH = (FOUR, FIVE, SIX)
OLDER = (FOUR, FIVE)
NEWER = (FIVE, SIX)


class Row(NamedTuple):
    """A permitted difference, with its reason in `tools.cashfree_page.DIFFERENCES`."""

    reason: str
    scenario: str
    """A pattern of scenario names."""
    fields: str = ""
    """A pattern of field names. It is empty if the outcomes are of two kinds."""
    official: str = ""
    own: str = ""
    releases: tuple[str, ...] = EACH

    def covers(self, scenario: str, field: str, official: str, own: str) -> bool:
        """Return whether the row permits a difference."""
        if not fnmatchcase(scenario, self.scenario):
            return False
        return fnmatchcase(field, self.fields) if self.fields else (official, own) == (self.official, self.own)


def kind(outcome: dict[str, Any]) -> str:
    """Return the kind of an outcome: an exception with its status, a class, or a plain value."""
    if "raised" in outcome:
        return f"{outcome['raised']} {outcome['status']}" if "status" in outcome else str(outcome["raised"])
    return str(outcome.get("class", "value"))


NO_RESPONSE = "ApiException 0"
UNDECODABLE = "ApiException 200"

ROWS = (
    Row("pairs", "authenticated with *key", official="TypeError", own="value"),
    Row("pairs", "authenticated with client id and signature", official="TypeError", own="value"),
    Row("pairs", "authenticated with everything at once", "x-*"),
    Row("incomplete", "authenticated with nothing", official="TypeError", own="ApiValueError"),
    Row("query", "PGCustomerFetchInstruments as received by the server", "target", releases=(SIX,)),
    Row("ids", "an id '*'", official="value", own="ApiValueError"),
    Row("left_out", "a missing id", official="value", own="ApiTypeError"),
    Row("left_out", "an id that is None", official="ApiResponse", own="ValidationError", releases=(FOUR,)),
    Row("key", "PGCustomerDeleteInstrument", "headers.x-idempotency-key"),
    Row("key", "PGCustomerInstrumentsFetchCryptogram", "headers.x-idempotency-key"),
    Row("redirects", "redirected", official="value", own="ApiException 302"),
    Row("network", "a closed port", official="MaxRetryError", own=NO_RESPONSE),
    Row("network", "the server closes the connection", official="MaxRetryError", own=NO_RESPONSE),
    Row("network", "timeout*", official="MaxRetryError", own=NO_RESPONSE),
    Row("unreadable", "a body: empty", official="ApiResponse", own=UNDECODABLE, releases=(FOUR,)),
    Row("unreadable", "a body: list", official="ApiResponse", own=UNDECODABLE, releases=(FOUR,)),
    Row("unreadable", "a body: empty", official="ValidationError", own=UNDECODABLE, releases=NEWER),
    Row("unreadable", "a body: list", official="ValidationError", own=UNDECODABLE, releases=NEWER),
    Row("unreadable", "a body: null", official="ApiResponse", own=UNDECODABLE),
    Row("unreadable", "a body: web-page", official="ValidationError", own=UNDECODABLE),
    Row("unreadable", "a body: half", official="ValidationError", own=UNDECODABLE),
    Row("unreadable", "a body: list-as-reference", official="ValidationError", own=UNDECODABLE),
    Row("numbers", "a body: number-as-reference", official="ValidationError", own="ApiResponse"),
    Row("states", "a body: new-status", official="ValidationError", own="ApiResponse", releases=OLDER),
    Row("states", "a new status, deleted", official="ValidationError", own="InstrumentEntity", releases=OLDER),
    Row("states", "a new status, deleted", official="ValidationError", own="DeletedInstrumentEntity", releases=(SIX,)),
    Row("version", "the version of the argument", official="value", own="value", releases=(FIVE,)),
    Row("no_version", "the version without an argument", official="value", own="value", releases=(FOUR,)),
    Row("version_default", "the version without an argument", official="value", own="value", releases=(FIVE,)),
    Row("arguments", "too many arguments", official="ValidationError", own="ApiTypeError", releases=(FOUR,)),
    Row("arguments", "an argument twice", official="ValidationError", own="ApiTypeError", releases=(FOUR,)),
    Row("arguments", "too many arguments", official="TypeError", own="ApiTypeError", releases=NEWER),
    Row("arguments", "an argument twice", official="TypeError", own="ApiTypeError", releases=NEWER),
    Row("line_break", "a line break in a header", official="ValueError", own="ApiValueError"),
    Row("pydantic", "an id that is [5b]*", "module", releases=(FOUR,)),
    Row("pydantic", "a key that is a number", "module", releases=(FOUR,)),
    Row("pydantic", "a model of the wrong type", "module", releases=(FOUR,)),
    Row("pydantic", "a model set to the wrong type", "module", releases=(FOUR,)),
    Row("pydantic", "a request without *", "module", releases=(FOUR,)),
    Row("nulls", "OrderEntity as an answer", "order_meta.*"),
    Row("sub_type", "*", "*to_str*card_sub_type", releases=OLDER),
    Row("sub_type", "version 2025-01-01", "data.fields.instrument_meta.card_sub_type", releases=OLDER),
    Row("raw_alone", "raw and model only", official="AttributeError", own="InstrumentEntity"),
    Row("printed", "repr", "model"),
    Row("header_names", "spelling of headers", "?"),
    Row("agent", "* as received by the server", "sent.user-agent"),
    Row("agent", "* as received by the server", "sent.x-sdk-platform"),
    Row("webhook_bytes", "a webhook event as bytes", official="TypeError", own="value"),
    Row("webhook_forged", "a forged webhook event", official="Exception", own="ApiValueError"),
    Row("webhook_model", "a webhook event as a model", "to_dict.*"),
    Row("one_of", "from_json_for_one_of", "1*"),
    Row("error_models", "an error as a model", "to_str.help"),
    Row("names", "names in cashfree_pg.", "Cashfree"),
    Row("names", "settings of the class", "Sandbox"),
    Row("names", "a class without arguments", official="TypeError", own="value", releases=NEWER),
)
