"""Writes docs/reference/cashfree-pg.md: what the drop-in has, and where it differs from the official package.

`DIFFERENCES` is the table of the page, and the reasons of the parity tests: each difference that they find names one of
these. Whoever makes a new difference writes its row here.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import cashfree_pg
from cashfree_pg import Cashfree, models
from tokenvault_contract.operations import OPERATIONS

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "cashfree-pg.md"


class Difference(NamedTuple):
    """What is not as in the official package, and how it is there and here."""

    subject: str
    releases: str
    theirs: str
    ours: str


ALL: Final = "all"

DIFFERENCES: Final = {
    "certificates": Difference(
        "Certificates", "4.3.0 to 6.0.1", "never checked: whoever answers is given the secret", "always checked"
    ),
    "crossed": Difference(
        "Several merchants in one process",
        ALL,
        "one connection holder for all objects, changed by each call: under `async_req` and threads a call can carry "
        "another's credentials",
        "credentials are read when a call is made and belong to that call",
    ),
    "pairs": Difference(
        "Partner key, partner merchant id, signature",
        ALL,
        "never sent; without a client secret a call ends in `TypeError`",
        "sent, as they are set",
    ),
    "incomplete": Difference(
        "Credentials that make no pair", ALL, "`TypeError`", "`ApiValueError`, which names the attributes"
    ),
    "base_url": Difference(
        "Another host", ALL, "no setting", "`XBaseUrl`, `CASHFREE_BASE_URL`, or `Configuration.set_default`"
    ),
    "environment": Difference("An `XEnvironment` that is none", ALL, "production", "`ApiValueError`; nothing is sent"),
    "query": Difference("The list's query", "6.x", "`?instrument_type=card?instrument_type=card`", "written once"),
    "ids": Difference(
        "An id that is empty, `.`, `..` or a template",
        ALL,
        "sent, and can end up on another route",
        "`ApiValueError`; nothing is sent",
    ),
    "left_out": Difference(
        "An id left out, or None",
        ALL,
        "sent as `{instrument_id}`",
        "`ApiTypeError`, `ValidationError`; nothing is sent",
    ),
    "repeats": Difference(
        "Repeating a call",
        ALL,
        "up to three times at once and unseen, deletions and cryptograms too; after `Retry-After`, three times more",
        "up to twice, after growing waits, within the call's time, and only under an idempotency key or where nothing "
        "can happen twice; `Configuration.retries` changes the number",
    ),
    "key": Difference(
        "`x-idempotency-key` that is not given",
        ALL,
        "none is sent",
        "deleting and fetching a cryptogram carry one that is made for the call; the answer tells it",
    ),
    "redirects": Difference(
        "Redirects", ALL, "followed, with the secret, to any host", "not followed: `ApiException` with their status"
    ),
    "time": Difference(
        "Time",
        ALL,
        "no limit; `_request_timeout` counts anew for each hidden repeat",
        "15 seconds for the whole call; `_request_timeout` replaces them, a pair is added up",
    ),
    "network": Difference(
        "No answer",
        ALL,
        "`MaxRetryError` of urllib3, which is no `ApiException`",
        "`ApiException` with status 0; `__cause__.sent` tells whether the call may have arrived",
    ),
    "unreadable": Difference(
        "A success whose body is not of this API",
        ALL,
        "pydantic's `ValidationError`, which quotes it, or an entity without fields",
        "`ApiException` with the status; the body is not shown, since it may hold a cryptogram",
    ),
    "numbers": Difference(
        "Ids that are numbers, as Cashfree documents them before 2023-08-01", ALL, "`ValidationError`", "text"
    ),
    "states": Difference(
        "A status or type that is new",
        ALL,
        "`ValidationError`, except when listed or fetched in 6.x; parts of the known words pass",
        "a value like any other",
    ),
    "version": Difference(
        "`x_api_version`", "5.x", "ignored: `XApiVersion` is sent", "sent; without it, `XApiVersion`"
    ),
    "no_version": Difference(
        "`x_api_version` left out", "4.x", "no version is sent", "2023-08-01, which the document calls the default"
    ),
    "version_default": Difference(
        "`XApiVersion` that is not set", "5.x", "2023-08-01", "2026-01-01, as in 6.x, for calls that name no version"
    ),
    "arguments": Difference(
        "Too many arguments, or one twice",
        ALL,
        "Python's `TypeError`, pydantic's `ValidationError` in 4.x",
        "`ApiTypeError`, which is a `TypeError`",
    ),
    "line_break": Difference(
        "A line break in a header", ALL, "`ValueError`", "`ApiValueError`, which is a `ValueError`"
    ),
    "pydantic": Difference(
        "`ValidationError`", "4.x", "that of pydantic 1", "that of pydantic 2, in its words; both are a `ValueError`"
    ),
    "sub_type": Difference(
        "`card_sub_type`", "4.x, 5.x", "not in the model", "in the model, and None where a version does not have it"
    ),
    "token_details": Difference(
        "`card_token_details`", ALL, "a dictionary in 4.x and 5.x, a model in 6.x", "a dictionary with attributes"
    ),
    "raw_alone": Difference(
        "`_preload_content=False` with `_return_http_data_only=True`", ALL, "`AttributeError`", "the model"
    ),
    "printed": Difference(
        "A printed `CryptogramEntity`",
        ALL,
        "shows token and cryptogram",
        "shows the instrument's id; `to_str()` shows everything",
    ),
    "header_names": Difference(
        "Names of an answer's headers", ALL, "as they were written", "in lower case; found in any case by both"
    ),
    "agent": Difference("`user-agent`, `x-sdk-platform`", ALL, "name the official package", "name this one"),
    "webhook_bytes": Difference(
        "`PGVerifyWebhookSignature` of bytes", ALL, "`TypeError`", "the event; bytes are what a signature is of"
    ),
    "webhook_forged": Difference(
        "A forged notification",
        ALL,
        "a bare `Exception`; compared in a time that tells something",
        "`ApiValueError` with the same words; compared in constant time; also by the partner key; `tolerance` bounds "
        "the age",
    ),
    "webhook_model": Difference(
        "`InstrumentWebhook` of a real notification",
        ALL,
        "empty: it looks for `data.data.instrument`",
        "whole: `data.instrument`, `event_time`, `type`",
    ),
    "one_of": Difference(
        "`from_json_for_one_of`",
        ALL,
        "None for every model of several fields",
        "the model if any of its fields is there",
    ),
    "error_models": Difference(
        "`help` in models of refusals", ALL, "in six of eight in 6.x, in none before", "in all of them"
    ),
    "names": Difference(
        "`Cashfree.Sandbox`, `cashfree_pg.Cashfree`, `Cashfree()`",
        ALL,
        "printed in the document; the first two exist nowhere, the last in 4.x only",
        "all of them work",
    ),
    "pin": Difference(
        "`urllib3`", ALL, "pinned below 2.1: nothing that wants a newer one can be installed beside it", "not needed"
    ),
    "settings": Difference(
        "`Configuration`",
        ALL,
        "has settings that no call heeds",
        "`host`, `ssl_ca_cert`, `connection_pool_maxsize`, `retries`; others are refused with `ApiAttributeError`",
    ),
}
"""By the name that a row of the parity tests gives as its reason."""

_HEAD: Final = """\
# cashfree_pg, the drop-in

<!-- Written by tools/cashfree_page.py; a test compares. -->

What `tokenvault-cashfree-pg` has, and where it is not as the official package of the same import name. How to change
over stands in [its own page](../how-to/move-from-the-official-sdk.md). Where nothing is said, it does what the official
package does: tests make the same calls with 4.5.1, 5.0.5 and 6.0.1 and compare field by field.
"""


def page() -> str:
    """Give the page's text."""
    parts = [_HEAD, *_methods(), *_settings(), *_names(), *_differences(), *_missing()]
    return "\n".join(parts).rstrip() + "\n"


def _methods() -> Iterator[str]:
    yield from ("## Methods", "", "| method | gives |", "| --- | --- |")
    for operation in OPERATIONS:
        if operation.documented:
            yield f"| `{operation.name}` | {inspect.getdoc(getattr(Cashfree, operation.name))} |"
    yield from (
        "",
        "```python",
        'Cashfree().PGCustomerFetchInstrument("2022-09-01", "asha", instrument_id)  # 4.x: settings on the class',
        'Cashfree(Cashfree.SANDBOX, "id", "…").PGCustomerFetchInstrument("2023-08-01", "asha", instrument_id)  # 5.x',
        'Cashfree(Cashfree.SANDBOX, "id", "…").PGCustomerFetchInstrument("asha", instrument_id)  # 6.x',
        "```",
        "",
        "After these come `x_request_id` and `x_idempotency_key`; then, by name, `async_req`,",
        "`_return_http_data_only`, `_preload_content`, `_request_timeout`, `_request_auth` and `_headers`.",
        "",
        "On an object that was made with arguments, a first argument that is a date is the version of 5.x. Give a",
        "customer whose id is a date as `customer_id=`.",
        "",
    )


def _settings() -> Iterator[str]:
    names = sorted(name for name in Cashfree.__annotations__ if name.startswith("X"))
    yield from ("## Settings", "", f"On the class or on an object: {', '.join(f'`{name}`' for name in names)}.", "")
    yield "A call goes to `XBaseUrl`; else to the `host` of `Configuration.set_default`; else to `CASHFREE_BASE_URL` of"
    yield "the environment; else to the host of `XEnvironment`. `CASHFREE_CA_FILE`, or `ssl_ca_cert`, names"
    yield from ("certificates to trust beside those of the system.", "")


def _names() -> Iterator[str]:
    yield from ("## Names", "", "| module | names |", "| --- | --- |")
    for module in ("", *_modules()):
        found = importlib.import_module(f"cashfree_pg.{module}".rstrip("."))
        names = getattr(found, "__all__", None) or _defined(found)
        yield f"| `{found.__name__}` | {', '.join(f'`{name}`' for name in sorted(names))} |"
    yield from ("", "Each model also has a module of its own, as `cashfree_pg.models.instrument_entity`.", "")


def _modules() -> list[str]:
    return [each.name for each in pkgutil.iter_modules(cashfree_pg.__path__) if not each.name.startswith("_")]


def _defined(module: object) -> list[str]:
    classes = inspect.getmembers(module, inspect.isclass) + inspect.getmembers(module, inspect.isfunction)
    here = getattr(module, "__name__", None)
    return [name for name, each in classes if each.__module__ == here and not name.startswith("_")]


def _differences() -> Iterator[str]:
    yield from ("## Differences", "", "| subject | releases | official | here |", "| --- | --- | --- | --- |")
    yield from (f"| {each.subject} | {each.releases} | {each.theirs} | {each.ours} |" for each in DIFFERENCES.values())
    yield ""


def _missing() -> Iterator[str]:
    count = len(models.__all__)
    yield from ("## What is not here", "")
    yield f"Everything but the Token Vault: its four methods and {count} models are all there is. Who needs orders,"
    yield "payments or refunds as well keeps the official package; see"
    yield "[how to have both](../how-to/move-from-the-official-sdk.md#keep-the-official-package)."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
