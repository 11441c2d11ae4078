"""`tokenvault serve`: a vault in production, on granian.

The parent process owns the admin listener (health, metrics) and the background tasks, with database connections of its
own; worker processes answer calls. The features that exist for tests are missing here, not merely switched off.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenvault_server.cli.common import load_settings
from tokenvault_server.cli.permissions import check_permissions
from tokenvault_server.database.opening import KINDS
from tokenvault_server.domain.addresses import is_loopback
from tokenvault_server.domain.clock import SystemClock
from tokenvault_server.errors import KeyProviderError, SettingsError

if TYPE_CHECKING:
    from tokenvault_server.settings import Settings

_SHARED = " or ".join(kind.name for kind in KINDS if kind.supports_many_processes)
_SINGLE = " or ".join(kind.name for kind in KINDS if not kind.supports_many_processes)


@click.command()
@click.option("--config", type=click.Path(path_type=Path, dir_okay=False), help="The vault's configuration file.")
@click.option("--host", help="Listen on this address.")
@click.option("--port", type=int, help="Listen on this port.")
@click.option(
    "--behind-proxy",
    is_flag=True,
    help="Listen beyond this machine without TLS, because a proxy in front terminates it.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help=f"Processes that answer calls; {_SINGLE} takes one.",
)
def command(*, config: Path | None, host: str | None, port: int | None, behind_proxy: bool, workers: int) -> None:
    """Run a vault in production until SIGTERM; calls under way are finished first.

    Needs a configuration with a store and a key provider: `tokenvault init DIR` makes one.
    """
    settings = load_settings(config, None, {"host": host, "port": port, "behind_proxy": behind_proxy or None})
    check_production_settings(settings, workers)
    from tokenvault_server.listeners import listen
    from tokenvault_server.serving.supervisor import Supervisor

    # granian's sockets share a port with those of any other granian of this user, silently; this one does not.
    listen(settings.host, settings.port).close()

    Supervisor(settings, workers, SystemClock()).run()


def check_production_settings(settings: Settings, workers: int) -> None:
    """Raise SettingsError or KeyProviderError for what may work on a laptop and must not in production."""
    from tokenvault_server.bootstrap import check_api_settings, key_provider, single_process_kind

    check_api_settings(settings)
    if settings.key_provider.startswith("passphrase:"):
        raise KeyProviderError(hint='a passphrase is for development only: use key_provider = "file:PATH"')
    asyncio.run(key_provider(settings).health())
    check_permissions(settings)
    if not settings.port:
        raise SettingsError("serve needs a port that its callers know", hint="set port, or pass --port")
    if workers != 1 and (kind := single_process_kind(settings)):
        raise SettingsError(f"{kind.name} takes one worker process", hint=f"leave --workers at 1, or use {_SHARED}")
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise SettingsError("tls_certificate and tls_key go together")
    if not (settings.tls_certificate or settings.behind_proxy or is_loopback(settings.host)):
        raise SettingsError(
            "the API would listen beyond this machine without TLS: API secrets and tokens would be readable on the way",
            hint="set tls_certificate and tls_key; if a proxy in front terminates TLS, pass --behind-proxy, or set it",
        )
