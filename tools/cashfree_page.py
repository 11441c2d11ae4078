"""Write docs/reference/cashfree-pg.md: the contents of the drop-in and its differences from the official package.

`DIFFERENCES` is the table of the page. Each difference that the parity tests allow names one of its keys as the reason.
To add a difference, add its row here.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import cashfree_pg
from cashfree_pg import Cashfree, models
from tokenvault_contract.operations import OPERATIONS
from tokenvault_contract.payment_operations import PAYMENT_OPERATIONS

PROJECT: Final = Path(__file__).parents[1] / "packages" / "cashfree-pg" / "pyproject.toml"
PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "cashfree-pg.md"


class Difference(NamedTuple):
    """A behaviour that differs: in the official package (`theirs`) and in the drop-in (`ours`)."""

    subject: str
    releases: str
    theirs: str
    ours: str


ALL: Final = "all"


def _requirement(name: str) -> str:
    """Return what the drop-in requires, from its `pyproject.toml`."""
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    found: str
    (found,) = [
        each for each in (f"requires-python{project['requires-python']}", *project["dependencies"]) if name in each
    ]
    return found.removeprefix(name).removeprefix(">=") + " and newer"


DIFFERENCES: Final = {
    "certificates": Difference(
        "Certificates", "4.3.0 to 6.0.1", "never verified: any host that answers gets the secret", "always verified"
    ),
    "crossed": Difference(
        "Several merchants in one process",
        ALL,
        "all objects share one set of credentials, which each call replaces: with `async_req` or threads a call can "
        "carry another merchant's credentials",
        "a call reads its credentials when it is made, and no other call can change them",
    ),
    "pairs": Difference(
        "Partner key, partner merchant id, signature",
        ALL,
        "never sent; without a client secret a call raises `TypeError`",
        "sent as set",
    ),
    "incomplete": Difference(
        "Credentials that do not form a pair", ALL, "`TypeError`", "`ApiValueError`, which names the attributes"
    ),
    "base_url": Difference(
        "Another host", ALL, "no setting", "`XBaseUrl`, `CASHFREE_BASE_URL`, or `Configuration.set_default`"
    ),
    "environment": Difference("An invalid `XEnvironment`", ALL, "production", "`ApiValueError`; nothing is sent"),
    "query": Difference("The list's query", "6.x", "`?instrument_type=card?instrument_type=card`", "written once"),
    "ids": Difference(
        "An id that is empty, `.`, `..` or a template",
        ALL,
        "sent, and can reach another route",
        "`ApiValueError`; nothing is sent",
    ),
    "left_out": Difference(
        "A missing id, or None",
        ALL,
        "sent as `{instrument_id}`",
        "`ApiTypeError`, `ValidationError`; nothing is sent",
    ),
    "repeats": Difference(
        "Repeating a call",
        ALL,
        "up to three times, at once and silently, deletions and cryptograms too; after `Retry-After`, three times more",
        "up to twice, after growing waits, within the call's time limit, and only under an idempotency key or where "
        "the call cannot take effect twice; `Configuration.retries` changes the number",
    ),
    "key": Difference(
        "No `x-idempotency-key` argument",
        ALL,
        "none is sent",
        "deleting and fetching a cryptogram send a new key, which the answer contains",
    ),
    "redirects": Difference(
        "Redirects", ALL, "followed, with the secret, to any host", "not followed: `ApiException` with their status"
    ),
    "time": Difference(
        "Time limit",
        ALL,
        "none; `_request_timeout` applies to each hidden repeat separately",
        "15 seconds for the whole call; `_request_timeout` replaces this, and the two values of a pair are added",
    ),
    "network": Difference(
        "No answer",
        ALL,
        "`MaxRetryError` of urllib3, which is not an `ApiException`",
        "`ApiException` with status 0; `__cause__.sent` tells whether the call may have arrived",
    ),
    "unreadable": Difference(
        "A success with a body that is not from this API",
        ALL,
        "pydantic's `ValidationError`, which quotes the body, or an entity without fields",
        "`ApiException` with the status; it does not show the body, which may contain a cryptogram",
    ),
    "numbers": Difference(
        "Ids that are numbers, as Cashfree documents them before 2023-08-01", ALL, "`ValidationError`", "text"
    ),
    "states": Difference(
        "A new status or type",
        ALL,
        "`ValidationError`, except in lists and fetched cards of 6.x; parts of the known words pass",
        "accepted like any other value",
    ),
    "version": Difference(
        "`x_api_version`", "5.x", "ignored: `XApiVersion` is sent", "sent; without it, `XApiVersion` is sent"
    ),
    "no_version": Difference(
        "No `x_api_version`", "4.x", "no version is sent", "2023-08-01, the default of the published document"
    ),
    "version_default": Difference(
        "No `XApiVersion`", "5.x", "2023-08-01", "2026-01-01, as in 6.x, for calls that name no version"
    ),
    "arguments": Difference(
        "Too many arguments, or a duplicate one",
        ALL,
        "Python's `TypeError`, pydantic's `ValidationError` in 4.x",
        "`ApiTypeError`, which is a `TypeError`",
    ),
    "line_break": Difference(
        "A line break in a header", ALL, "`ValueError`", "`ApiValueError`, which is a `ValueError`"
    ),
    "pydantic": Difference(
        "`ValidationError`",
        "4.x",
        "the class of pydantic 1",
        "the class and messages of pydantic 2; both are a `ValueError`",
    ),
    "sub_type": Difference(
        "`card_sub_type`", "4.x, 5.x", "not in the model", "in the model, None if the version does not have it"
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
        "Names of an answer's headers", ALL, "as sent", "in lower case; both packages look them up in any case"
    ),
    "agent": Difference("`user-agent`, `x-sdk-platform`", ALL, "name the official package", "name this one"),
    "webhook_bytes": Difference(
        "`PGVerifyWebhookSignature` of bytes", ALL, "`TypeError`", "returns the event; the signature is over bytes"
    ),
    "webhook_forged": Difference(
        "A forged webhook",
        ALL,
        "a plain `Exception`; the comparison is not constant-time",
        "`ApiValueError` with the same text; the comparison is constant-time; also works with the partner key; "
        "`tolerance` limits the age",
    ),
    "webhook_model": Difference(
        "`InstrumentWebhook` of a real webhook",
        ALL,
        "empty: it looks for `data.data.instrument`",
        "complete: `data.instrument`, `event_time`, `type`",
    ),
    "one_of": Difference(
        "`from_json_for_one_of`",
        ALL,
        "None for every model with several fields",
        "the model if any of its fields is present",
    ),
    "error_models": Difference(
        "`help` in error models", ALL, "in six of eight in 6.x, in none before", "in all of them"
    ),
    "names": Difference(
        "`Cashfree.Sandbox`, `cashfree_pg.Cashfree`, `Cashfree()`",
        ALL,
        "in the published document; the first two exist in no release, the last in 4.x only",
        "all of them work",
    ),
    "pin": Difference(
        "`urllib3`", ALL, "pinned below 2.1: packages that need a newer one cannot be installed beside it", "not needed"
    ),
    "settings": Difference(
        "`Configuration`",
        ALL,
        "has settings that no call uses",
        "`host`, `ssl_ca_cert`, `connection_pool_maxsize`, `retries`; setting others raises `ApiAttributeError`. The "
        "constructor takes all official arguments",
    ),
    "framing": Difference(
        "`_headers` that frame the message, such as `content-length`",
        ALL,
        "sent: the server reads another request than was meant",
        "`ApiValueError`; nothing is sent. Other headers pass",
    ),
    "references": Difference(
        "`x_request_id`, `x_idempotency_key`",
        ALL,
        "any text; a `UUID` is a `ValidationError`",
        "1 to 128 visible ASCII characters, or a `UUID`",
    ),
    "tracebacks": Difference(
        "The traceback of an error",
        ALL,
        "has frames with the credentials in local variables, which error trackers record",
        "has no frames inside the package",
    ),
    "browser": Difference(
        "`x_client_device`, `x_client_os`, `x_client_rendering_type`, `x_client_browser` of `PGPayOrder`",
        "6.x",
        "arguments",
        "pass them as `_headers`",
    ),
    "printed_requests": Difference(
        "A printed card, request to pay, order or customer", ALL, "shows every field", "shows one harmless field"
    ),
    "nulls": Difference(
        "`to_dict()` of an order's `order_meta`",
        ALL,
        "has `payment_methods` (and in 6.x `upi_app_priority`) as None",
        "leaves out what is None, as for every other field",
    ),
    "one_of_methods": Difference(
        "`payment_method` of a payment",
        ALL,
        "a dictionary in 4.x and 5.x, a model with `actual_instance` in 6.x",
        "a dictionary with `actual_instance`",
    ),
    "pickles": Difference("Pickles of a cryptogram, and of an object with credentials", ALL, "possible", "`TypeError`"),
    "python": Difference("Python", ALL, "no limit in its metadata", f"{_requirement('requires-python')}"),
    "pydantic_floor": Difference(
        "pydantic",
        ALL,
        "1.10.24 and newer, below 2, in 4.x; 2.11.7 and newer in 5.x and 6.x",
        f"{_requirement('pydantic')}",
    ),
}
"""The differences, by the reason that a row of the parity tests gives."""

_HEAD: Final = """\
# The `cashfree_pg` drop-in

<!-- Generated by tools/cashfree_page.py: edit that file, then run `make reference`. A test compares. -->

This page lists what `tokenvault-cashfree-pg` contains and how it differs from the official package of the same import
name. [Move from the official SDK](../how-to/move-from-the-official-sdk.md) says how to change over. In everything that
this page does not mention, the drop-in behaves like the official package: tests make the same calls with 4.5.1, 5.0.5
and 6.0.1 and compare field by field.
"""


def page() -> str:
    """Return the page's text."""
    parts = [_HEAD, *_methods(), *_settings(), *_names(), *_differences(), *_missing()]
    return "\n".join(parts).rstrip() + "\n"


def _methods() -> Iterator[str]:
    yield from ("## Methods", "", "| method | description |", "| --- | --- |")
    for operation in (*OPERATIONS, *PAYMENT_OPERATIONS):
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
        "The next arguments are `x_request_id` and `x_idempotency_key`. By name only: `async_req`,",
        "`_return_http_data_only`, `_preload_content`, `_request_timeout`, `_request_auth` and `_headers`.",
        "",
        "On an object that was created with arguments, a first argument that is a date is the version, as in 5.x. If a",
        "customer's id is a date, pass it as `customer_id=`.",
        "",
    )


def _settings() -> Iterator[str]:
    names = sorted(name for name in Cashfree.__annotations__ if name.startswith("X"))
    yield from ("## Settings", "", f"On the class or on an object: {', '.join(f'`{name}`' for name in names)}.", "")
    yield "A call goes to the first of these that is set: `XBaseUrl`; the `host` of `Configuration.set_default`;"
    yield "`CASHFREE_BASE_URL` in the environment; the host of `XEnvironment`. `CASHFREE_CA_FILE`, or `ssl_ca_cert`,"
    yield from ("names certificates to trust in addition to those of the system.", "")


def _names() -> Iterator[str]:
    yield from ("## Names", "", "| module | names |", "| --- | --- |")
    for module in ("", *_modules()):
        found = importlib.import_module(f"cashfree_pg.{module}".rstrip("."))
        names = getattr(found, "__all__", None) or _defined(found)
        yield f"| `{found.__name__}` | {', '.join(f'`{name}`' for name in sorted(names))} |"
    yield from ("", "Each model also has its own module, such as `cashfree_pg.models.instrument_entity`.", "")


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
    count, methods = len(models.__all__), 4 + len(PAYMENT_OPERATIONS)
    yield from ("## What is missing", "")
    yield f"The drop-in has saved cards, orders, payments by card and refunds: {methods} methods and {count} models."
    yield "Other ways to pay are dictionaries. If you need other areas of Cashfree's API, keep the official package:"
    yield "[how to use both](../how-to/move-from-the-official-sdk.md#keep-the-official-package)."


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
