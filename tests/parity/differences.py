"""Every intended difference between the official package and ours, each for a reason that users are told.

A row allows certain fields of certain scenarios to differ, or an outcome of one kind to be one of another. A row that
nothing needs any more fails the test, and so does a difference without a row.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, NamedTuple

FOUR, FIVE, SIX = "4.5.1", "5.0.5", "6.0.1"
EACH = (FOUR, FIVE, SIX)
OLDER = (FOUR, FIVE)
NEWER = (FIVE, SIX)


class Row(NamedTuple):
    """What may differ, and the row of `tools.cashfree_page.DIFFERENCES` that says why."""

    reason: str
    scenario: str
    """A pattern of scenarios."""
    fields: str = ""
    """A pattern of fields; none where the outcomes are of two kinds."""
    theirs: str = ""
    ours: str = ""
    releases: tuple[str, ...] = EACH

    def covers(self, scenario: str, field: str, theirs: str, ours: str) -> bool:
        """Tells whether it allows a difference."""
        if not fnmatchcase(scenario, self.scenario):
            return False
        return fnmatchcase(field, self.fields) if self.fields else (theirs, ours) == (self.theirs, self.ours)


def kind(outcome: dict[str, Any]) -> str:
    """Gives what an outcome is in a word or two: an exception with its status, a class, or a plain value."""
    if "raised" in outcome:
        return f"{outcome['raised']} {outcome['status']}" if "status" in outcome else str(outcome["raised"])
    return str(outcome.get("class", "value"))


NO_ANSWER = "ApiException 0"
UNREADABLE = "ApiException 200"

ROWS = (
    Row("pairs", "signed in with *key", theirs="TypeError", ours="value"),
    Row("pairs", "signed in with client id and signature", theirs="TypeError", ours="value"),
    Row("pairs", "signed in with everything at once", "x-*"),
    Row("incomplete", "signed in with nothing", theirs="TypeError", ours="ApiValueError"),
    Row("query", "PGCustomerFetchInstruments as the server hears it", "target", releases=(SIX,)),
    Row("ids", "an id '*'", theirs="value", ours="ApiValueError"),
    Row("left_out", "an id left out", theirs="value", ours="ApiTypeError"),
    Row("left_out", "an id that is None", theirs="ApiResponse", ours="ValidationError", releases=(FOUR,)),
    Row("key", "PGCustomerDeleteInstrument", "headers.x-idempotency-key"),
    Row("key", "PGCustomerInstrumentsFetchCryptogram", "headers.x-idempotency-key"),
    Row("redirects", "sent elsewhere", theirs="value", ours="ApiException 302"),
    Row("network", "nobody listens", theirs="MaxRetryError", ours=NO_ANSWER),
    Row("network", "the server hangs up", theirs="MaxRetryError", ours=NO_ANSWER),
    Row("network", "time is up*", theirs="MaxRetryError", ours=NO_ANSWER),
    Row("unreadable", "a body: empty", theirs="ApiResponse", ours=UNREADABLE, releases=(FOUR,)),
    Row("unreadable", "a body: list", theirs="ApiResponse", ours=UNREADABLE, releases=(FOUR,)),
    Row("unreadable", "a body: empty", theirs="ValidationError", ours=UNREADABLE, releases=NEWER),
    Row("unreadable", "a body: list", theirs="ValidationError", ours=UNREADABLE, releases=NEWER),
    Row("unreadable", "a body: null", theirs="ApiResponse", ours=UNREADABLE),
    Row("unreadable", "a body: web-page", theirs="ValidationError", ours=UNREADABLE),
    Row("unreadable", "a body: half", theirs="ValidationError", ours=UNREADABLE),
    Row("unreadable", "a body: list-as-reference", theirs="ValidationError", ours=UNREADABLE),
    Row("numbers", "a body: number-as-reference", theirs="ValidationError", ours="ApiResponse"),
    Row("states", "a body: new-status", theirs="ValidationError", ours="ApiResponse", releases=OLDER),
    Row("states", "a new status, deleted", theirs="ValidationError", ours="InstrumentEntity", releases=OLDER),
    Row("states", "a new status, deleted", theirs="ValidationError", ours="DeletedInstrumentEntity", releases=(SIX,)),
    Row("version", "the version of the argument", theirs="value", ours="value", releases=(FIVE,)),
    Row("no_version", "the version of no argument", theirs="value", ours="value", releases=(FOUR,)),
    Row("version_default", "the version of no argument", theirs="value", ours="value", releases=(FIVE,)),
    Row("arguments", "too many arguments", theirs="ValidationError", ours="ApiTypeError", releases=(FOUR,)),
    Row("arguments", "an argument twice", theirs="ValidationError", ours="ApiTypeError", releases=(FOUR,)),
    Row("arguments", "too many arguments", theirs="TypeError", ours="ApiTypeError", releases=NEWER),
    Row("arguments", "an argument twice", theirs="TypeError", ours="ApiTypeError", releases=NEWER),
    Row("line_break", "a line break in a header", theirs="ValueError", ours="ApiValueError"),
    Row("pydantic", "an id that is [5b]*", "module", releases=(FOUR,)),
    Row("pydantic", "a key that is a number", "module", releases=(FOUR,)),
    Row("pydantic", "a model of the wrong type", "module", releases=(FOUR,)),
    Row("pydantic", "a model set to the wrong type", "module", releases=(FOUR,)),
    Row("sub_type", "*", "*to_str*card_sub_type", releases=OLDER),
    Row("sub_type", "version 2025-01-01", "data.fields.instrument_meta.card_sub_type", releases=OLDER),
    Row("raw_alone", "raw and the model alone", theirs="AttributeError", ours="InstrumentEntity"),
    Row("printed", "printed", "model"),
    Row("header_names", "headers as they are written", "?"),
    Row("agent", "* as the server hears it", "sent.user-agent"),
    Row("agent", "* as the server hears it", "sent.x-sdk-platform"),
    Row("webhook_bytes", "a notification as bytes", theirs="TypeError", ours="value"),
    Row("webhook_forged", "a forged notification", theirs="Exception", ours="ApiValueError"),
    Row("webhook_model", "a notification as a model", "to_dict.*"),
    Row("one_of", "a model from JSON that may be of another", "1*"),
    Row("error_models", "a refusal as a model", "to_str.help"),
    Row("names", "names in cashfree_pg.", "Cashfree"),
    Row("names", "settings of the class", "Sandbox"),
    Row("names", "a class without arguments", theirs="TypeError", ours="value", releases=NEWER),
)
