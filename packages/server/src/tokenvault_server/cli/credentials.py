"""Prints credentials for the merchant and partner commands. A secret is shown once, when it is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import click

from tokenvault_server.cli.common import Command
from tokenvault_server.cli.output import print_json, print_line, print_rows
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.credential import Credential, SignatureKey

_HOUR_SECONDS = 3600


def overlap_option(command: Command) -> Command:
    """Add the option `--overlap`: how long the replaced credential still works."""
    option = click.option(
        "--overlap",
        type=click.IntRange(0, 24 * 366),
        default=24,
        show_default=True,
        help="For how many hours the replaced one still works.",
    )
    return option(command)


def seconds(overlap_hours: int) -> int:
    """Return an overlap in seconds."""
    return overlap_hours * _HOUR_SECONDS


def print_once(shown: dict[str, str], *, as_json: bool) -> None:
    """Print values that are shown only this once."""
    if as_json:
        print_json(shown)
        return
    for label, value in shown.items():
        print_line(f"{label:16} {value}")
    print_line("It cannot be shown again. Keep it where your payment server reads its secrets.", to_stderr=True)


def print_credentials(name: str, credentials: Sequence[Credential], now: int, *, as_json: bool) -> None:
    """Print the state and times of each credential, but not the credential itself."""
    rows = [
        {
            name: each.credential_id,
            "state": each.state(now),
            "created_at": moment(each.created_at),
            "last_used_at": moment(each.last_used_at),
            "expires_at": moment(each.expires_at),
            "revoked_at": moment(each.revoked_at),
        }
        for each in credentials
    ]
    _print_table((name, "state", "created_at", "last_used_at", "expires_at", "revoked_at"), rows, as_json=as_json)


def print_signature_keys(keys: Sequence[SignatureKey], *, as_json: bool) -> None:
    """Print the state and times of each signature key."""
    rows = [
        {
            "version": str(key.version),
            "state": "live" if key.is_live else "ended",
            "created_at": moment(key.created_at),
            "last_used_at": moment(key.last_used_at),
        }
        for key in keys
    ]
    _print_table(("version", "state", "created_at", "last_used_at"), rows, as_json=as_json)


def _print_table(columns: tuple[str, ...], rows: Sequence[Mapping[str, str | None]], *, as_json: bool) -> None:
    names = tuple(each.replace("_", " ") for each in columns)
    print_rows(rows, names, [tuple(row[each] or "-" for each in columns) for row in rows], as_json=as_json)


def moment(at: int | None) -> str | None:
    """Return a moment as ISO 8601 in UTC, to the second; None stays None."""
    return None if at is None else datetime.fromtimestamp(at // SECOND, UTC).isoformat().replace("+00:00", "Z")
