"""What an emulator prints when it is ready: one JSON line for machines, working commands for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec


class Announcement(msgspec.Struct, frozen=True):
    """The emulator's addresses and credentials. These names are an interface: fields are added, never changed."""

    base_url: str
    client_id: str
    client_secret: str
    partner_api_key: str
    partner_merchant_id: str
    webhook_secret: str
    console_url: str
    control_url: str

    def __repr__(self) -> str:
        """Name the address only."""
        return f"Announcement(base_url={self.base_url!r}, ...)"


CONTROL_URL: Final = "TOKENVAULT_CONTROL_URL"
_OTHER_CALLERS: Final = frozenset(
    f"CASHFREE_{name}"
    for name in ("ENVIRONMENT", "PARTNER_API_KEY", "PARTNER_MERCHANT_ID", "CLIENT_PUBLIC_KEY_FILE", "CA_FILE")
)
"""Variables of the clients that name another host or caller: they contradict those of an emulator."""


def variables(announcement: Announcement) -> dict[str, str]:
    """Return the environment variables that lead clients, programs and `tokenvault` to an emulator."""
    return {
        "CASHFREE_BASE_URL": announcement.base_url,
        "CASHFREE_CLIENT_ID": announcement.client_id,
        "CASHFREE_CLIENT_SECRET": announcement.client_secret,
        "CASHFREE_WEBHOOK_SECRET": announcement.webhook_secret,
        CONTROL_URL: announcement.control_url,
    }


def environment(announcement: Announcement, environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment that leads to an emulator, and to nothing else."""
    kept = {name: value for name, value in environ.items() if name not in _OTHER_CALLERS}
    return kept | variables(announcement)


class DemoCard(msgspec.Struct, frozen=True):
    """The saved card that people can try calls with."""

    customer_id: str
    instrument_id: str


def as_json(announcement: Announcement) -> str:
    """Return the line for machines."""
    return msgspec.json.encode(announcement).decode()


def as_text(announcement: Announcement, demo: DemoCard | None) -> str:
    """Return the text for people."""
    lines = [
        "Tokenvault emulator is ready. Everything in it is for testing, and gone at the end unless --data keeps it.",
        "",
        f"  API            {announcement.base_url}",
        f"  client id      {announcement.client_id}",
        f"  client secret  {announcement.client_secret}",
        f"  status page    {announcement.console_url}",
    ]
    if demo:
        lines += ["", *_try_it(announcement, demo)]
    lines += ["", "Press Ctrl+C to stop."]
    return "\n".join(lines)


def _try_it(announcement: Announcement, demo: DemoCard) -> list[str]:
    path = f"/customers/{demo.customer_id}/instruments"
    host = announcement.base_url
    return [
        f"A demo card is saved for the customer {demo.customer_id}. Fetch a cryptogram for it:",
        "",
        f"  curl -s {host}{path}/{demo.instrument_id}/cryptogram \\",
        f"    -H 'x-client-id: {announcement.client_id}' \\",
        f"    -H 'x-client-secret: {announcement.client_secret}' \\",
        "    -H 'x-api-version: 2026-01-01'",
        "",
        "The same in Python, where tokenvault-cashfree-pg is installed (make setup puts it into .venv):",
        "",
        # Not indented: Python takes pasted lines as they are.
        "from cashfree_pg import Cashfree",
        f'Cashfree.XBaseUrl = "{host}"',
        f'api = Cashfree(Cashfree.SANDBOX, "{announcement.client_id}", "{announcement.client_secret}")',
        f'print(api.PGCustomerInstrumentsFetchCryptogram("{demo.customer_id}", "{demo.instrument_id}").data.to_json())',
        "",
        "For Client.from_env() of tokenvault_client:",
        "",
        f"export CASHFREE_BASE_URL={host}",
        f"export CASHFREE_CLIENT_ID={announcement.client_id}",
        f"export CASHFREE_CLIENT_SECRET={announcement.client_secret}",
    ]
