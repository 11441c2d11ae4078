"""The facts about a process that its admin listener shows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tokenvault_server.vault.audit_anchor import AnchorState

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


ControlApp = Callable[["Request", str], Awaitable["Response"]]
"""Answers a request to a path below the control URL, whose token was checked."""


@dataclass(slots=True)
class Status:
    """The facts behind health, metrics and the status page."""

    mode: str
    version: str
    base_url: str
    vault_id: str
    check: Callable[[], Awaitable[None]]
    """Returns when the vault can serve a call now, raises when it cannot."""
    metrics: Callable[[], bytes]
    open_circuits: Callable[[], list[str]]
    """Returns the names of the open circuits."""
    unreadable_records: Callable[[], int] = lambda: 0
    """Returns how many sealed records did not open since the server started."""
    anchor: Callable[[], AnchorState] = lambda: AnchorState.NONE
    """Returns what the audit anchor says about the database."""
    admin_host: str = "127.0.0.1"
    draining: bool = False
    auth_failures: Callable[[], Sequence[str]] = tuple
    """Returns why the last callers were not authenticated, in an emulator."""
    openapi: Mapping[str, Callable[[], Mapping[str, object]]] = field(default_factory=dict)
    """Returns the OpenAPI document of each version of the API, in an emulator."""
    control: Callable[[], ControlApp] | None = None
    """Returns what answers below the control URL; only an emulator has it."""
    control_token: str = field(default="", repr=False)
