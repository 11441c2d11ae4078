"""Options and pages that the merchant and the partner command share: suspend, resume, remove, show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from tokenvault_server.cli.common import Command
from tokenvault_server.cli.credentials import moment
from tokenvault_server.cli.output import print_json, print_line, print_table
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.credential import Credential
from tokenvault_server.domain.merchant import AccountState, Merchant, Partner
from tokenvault_server.domain.webhook import Endpoint, QueueLength

Section = Sequence[Mapping[str, Any]]


def reason_option(default: str) -> Callable[[Command], Command]:
    """Return the option `--reason`, for the audit trail."""
    return click.option("--reason", default=default, show_default=True, help="The reason, for the audit trail.")


def confirm_option(command: Command) -> Command:
    """Add the option `--confirm`: the id of what is removed, once more."""
    option = click.option("--confirm", required=True, help="The same id again, because a removal cannot be undone.")
    return option(command)


def check_confirmed(account_id: str, confirmed: str) -> None:
    """Raise UsageError unless both ids are the same."""
    if account_id != confirmed:
        raise click.UsageError("--confirm is not the id of what is to be removed")


def state_of(account: Merchant | Partner) -> dict[str, str | None]:
    """Return the state of an account and since when it has it."""
    return {"state": account.state.value, "since": moment(account.state_at or account.created_at)}


def shown_credentials(name: str, credentials: Sequence[Credential], clock: Clock) -> Section:
    """Return credentials with their states."""
    return [
        {
            name: each.credential_id,
            "state": each.state(clock.now()),
            "last_used_at": moment(each.last_used_at),
            "expires_at": moment(each.expires_at),
        }
        for each in credentials
    ]


def shown_endpoints(
    endpoints: Sequence[Endpoint], queues: Mapping[str, QueueLength], waits: Callable[[Endpoint], bool]
) -> Section:
    """Return webhook endpoints with their health; `waits` says whether nothing is sent to an endpoint now."""
    shown = []
    for each in endpoints:
        queue = queues.get(each.endpoint_id, QueueLength())
        health = "paused" if waits(each) else "failing" if each.failure_count else "ok"
        shown.append(
            {
                "endpoint_id": each.endpoint_id,
                "url": each.url,
                "health": health,
                "waiting": queue.pending,
                "given_up": queue.dead,
            }
        )
    return shown


def is_paused(account: Merchant | Partner) -> bool:
    """Return whether the webhooks of an account wait."""
    return account.state is not AccountState.ACTIVE


def print_page(page: Mapping[str, Any], *, as_json: bool) -> None:
    """Print a page: single values first, then a table for each list."""
    if as_json:
        print_json(page)
        return
    for name, value in page.items():
        if not isinstance(value, list):
            print_line(f"{_title(name):16} {_cell(value)}")
    for name, value in page.items():
        if isinstance(value, list):
            print_line()
            _print_section(name, value)


def print_done(counts: Mapping[str, int]) -> None:
    """Print what a removal deleted or ended."""
    for name, count in counts.items():
        print_line(f"{_title(name):16} {count}")


def _print_section(name: str, items: Section) -> None:
    print_line(f"{_title(name)}:{'' if items else ' none'}")
    if items:
        print_table(tuple(map(_title, items[0])), [tuple(map(_cell, each.values())) for each in items])


def _title(name: str) -> str:
    return name.replace("_", " ")


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{count} {name}" for name, count in value.items()) or "none"
    return "-" if value is None else str(value)
