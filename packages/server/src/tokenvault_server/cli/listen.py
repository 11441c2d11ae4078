"""`tokenvault listen`: passes the webhooks of an emulator on to a program that is being developed."""

from __future__ import annotations

import signal
import time
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

import click

from tokenvault_server.cli.output import print_line
from tokenvault_server.emulator.announcement import CONTROL_URL
from tokenvault_server.emulator.control_client import steer
from tokenvault_server.emulator.forwarding import Forwarded, Forwarder
from tokenvault_server.emulator.steering import Steering
from tokenvault_server.errors import SettingsError, VaultError

_LOOK_SECONDS: Final = 1.0
_SERVED: Final = "a served vault sends webhooks itself: `tokenvault webhooks endpoints add MERCHANT URL --config FILE`"


@click.command()
@click.option("--forward-to", "target", required=True, metavar="URL", help="Send each webhook there.")
@click.option(
    "--control-url",
    envvar=CONTROL_URL,
    metavar="URL",
    help=f"The emulator's control_url, or ${CONTROL_URL}. It holds a secret: other users see options of commands.",
)
def command(*, target: str, control_url: str | None) -> None:
    """Pass the webhooks of a running emulator on to a URL, until Ctrl+C.

    Headers and body arrive as they were signed, and one line is printed for each. The answer goes back, so an event
    that is answered with 500 comes again. A served vault needs no such command: `tokenvault webhooks endpoints add`.
    """
    if not control_url:
        raise SettingsError(f"name an emulator by --control-url or ${CONTROL_URL}", hint=_SERVED)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Forwarder(_emulator(control_url), target, _show) as forwarder:
        print_line(f"webhooks go to {_shown(target)}; press Ctrl+C to stop")
        try:
            _listen(forwarder)
        except KeyboardInterrupt:
            with suppress(VaultError):  # it may have ended before
                forwarder.leave()


def _emulator(control_url: str) -> Steering:
    try:
        return steer(control_url)
    except SettingsError as error:
        raise SettingsError(error.message, hint=f"{error.hint}; {_SERVED}") from None


def _listen(forwarder: Forwarder) -> None:
    """Register again and again: a reset of the emulator forgets its endpoints. Notice its end, too."""
    while True:
        forwarder.register()
        time.sleep(_LOOK_SECONDS)


def _shown(target: str) -> str:
    """Return a URL without what may be secret in it."""
    parts = urlsplit(target)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _show(forwarded: Forwarded) -> None:
    answer = forwarded.status or f"no answer ({forwarded.failure})"
    print_line(f"{forwarded.event} attempt {forwarded.attempt} {answer} {forwarded.seconds * 1000:.0f} ms")
