"""The `CASHFREE_*` variables of `from_env`: what they must name, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tokenvault_client import _arguments as arguments
from tokenvault_client._options import Environment
from tokenvault_client.errors import UsageError

PREFIX: Final = "CASHFREE_"
HOST_VARIABLES: Final = ("ENVIRONMENT", "BASE_URL")
CREDENTIAL_PAIRS: Final = (
    ("CLIENT_ID", "CLIENT_SECRET"),
    ("CLIENT_ID", "PARTNER_API_KEY"),
    ("PARTNER_MERCHANT_ID", "PARTNER_API_KEY"),
    ("CLIENT_ID", "CLIENT_PUBLIC_KEY_FILE"),
)
VARIABLES: Final = tuple(
    dict.fromkeys((*HOST_VARIABLES, *(name for pair in CREDENTIAL_PAIRS for name in pair), "API_VERSION", "CA_FILE"))
)
"""The names of all variables, without their prefix."""


def read(environ: Mapping[str, str]) -> dict[str, str | None]:
    """Return the values by name, without the prefix. An empty variable counts as absent.

    Raises:
        UsageError: No host is named, or not one pair of credentials. The message lists the variables that are missing,
            and the similar ones that are set instead.
    """
    values = {name: _value(environ, PREFIX + name) for name in VARIABLES}
    present = {name for name, value in values.items() if value is not None}
    faults = [*_host_faults(present), *_credential_faults(present)]
    if faults:
        raise UsageError("; ".join([*faults, *_misspelt(environ, present)]))
    return values


def environment(text: str | None) -> Environment | None:
    """Return the value of `CASHFREE_ENVIRONMENT`.

    Raises:
        UsageError: It names no host of Cashfree's.
    """
    match text:
        case None | "sandbox" | "production":
            return text
        case _:
            raise UsageError("CASHFREE_ENVIRONMENT must be sandbox or production; CASHFREE_BASE_URL names another host")


def public_key(path: str | None) -> bytes | None:
    """Return the key of `CASHFREE_CLIENT_PUBLIC_KEY_FILE`.

    Raises:
        UsageError: The file cannot be read.
    """
    try:
        return None if path is None else Path(arguments.path("CASHFREE_CLIENT_PUBLIC_KEY_FILE", path)).read_bytes()
    except OSError as error:
        raise UsageError(f"CASHFREE_CLIENT_PUBLIC_KEY_FILE cannot be read: {error.strerror}") from error


def _value(environ: Mapping[str, str], name: str) -> str | None:
    value = environ.get(name)
    return None if value is None else arguments.text(name, value) or None


def _host_faults(present: set[str]) -> list[str]:
    hosts = present & set(HOST_VARIABLES)
    if not hosts:
        return [f"set {PREFIX}BASE_URL, or {PREFIX}ENVIRONMENT to sandbox or production"]
    if len(hosts) > 1:
        return [f"set only one of {PREFIX}BASE_URL and {PREFIX}ENVIRONMENT"]
    return []


def _credential_faults(present: set[str]) -> list[str]:
    credentials = sorted(present & {name for pair in CREDENTIAL_PAIRS for name in pair})
    if any(set(pair) == set(credentials) for pair in CREDENTIAL_PAIRS):
        return []
    pairs = " or ".join(f"{PREFIX}{first} and {PREFIX}{second}" for first, second in CREDENTIAL_PAIRS)
    are_set = f" (set now: {', '.join(PREFIX + name for name in credentials)})" if credentials else ""
    return [f"set one pair of credentials: {pairs}{are_set}"]


def _misspelt(environ: Mapping[str, str], present: set[str]) -> list[str]:
    """Return a hint for each variable that is set and not read, and that resembles one that is missing."""
    from difflib import get_close_matches

    missing = [PREFIX + name for name in VARIABLES if name not in present]
    unknown = sorted(
        name for name in environ if name.upper().startswith("CASHFREE") and name.removeprefix(PREFIX) not in VARIABLES
    )
    nearest = {name: get_close_matches(name.upper(), missing, 1, 0.8) for name in unknown}
    return [f"{name} is not read: did you mean {close[0]}?" for name, close in nearest.items() if close]
