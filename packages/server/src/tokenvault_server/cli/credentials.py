"""How the commands of merchants and partners show secrets and keys: once when they are made, never again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import click

from tokenvault_server.cli.common import Command, print_json, print_listed
from tokenvault_server.domain.clock import SECOND
from tokenvault_server.domain.credential import Credential, SignatureKey

_HOUR_SECONDS = 3600


def overlap_option(command: Command) -> Command:
    """Add `--overlap`, which says how long what is replaced still works."""
    option = click.option(
        "--overlap",
        type=click.IntRange(0, 24 * 366),
        default=24,
        show_default=True,
        help="For how many hours the one before it still works.",
    )
    return option(command)


def seconds(overlap_hours: int) -> int:
    """Give an overlap in seconds."""
    return overlap_hours * _HOUR_SECONDS


def print_once(shown: dict[str, str], *, as_json: bool) -> None:
    """Print what is shown this once."""
    if as_json:
        print_json(shown)
        return
    for label, value in shown.items():
        click.echo(f"{label:16} {value}")
    click.echo("It cannot be shown again. Keep it where your payment server reads its secrets.", err=True)


def print_credentials(name: str, credentials: Sequence[Credential], now: int, *, as_json: bool) -> None:
    """Print what became of each credential; none of them is shown."""
    rows = [
        {
            name: each.credential_id,
            "state": each.state(now),
            "created_at": _moment(each.created_at),
            "last_used_at": _moment(each.last_used_at),
            "expires_at": _moment(each.expires_at),
            "revoked_at": _moment(each.revoked_at),
        }
        for each in credentials
    ]
    _print_rows((name, "state", "created_at", "last_used_at", "expires_at", "revoked_at"), rows, as_json=as_json)


def print_signature_keys(keys: Sequence[SignatureKey], *, as_json: bool) -> None:
    """Print what became of each signature key."""
    rows = [
        {
            "version": str(key.version),
            "state": "live" if key.is_live else "ended",
            "created_at": _moment(key.created_at),
            "last_used_at": _moment(key.last_used_at),
        }
        for key in keys
    ]
    _print_rows(("version", "state", "created_at", "last_used_at"), rows, as_json=as_json)


def _print_rows(columns: tuple[str, ...], rows: Sequence[Mapping[str, str | None]], *, as_json: bool) -> None:
    names = tuple(each.replace("_", " ") for each in columns)
    print_listed(rows, names, [tuple(row[each] or "-" for each in columns) for row in rows], as_json=as_json)


def _moment(at: int | None) -> str | None:
    """Give a moment as ISO 8601 in UTC, to the second."""
    return None if at is None else datetime.fromtimestamp(at // SECOND, UTC).isoformat().replace("+00:00", "Z")
