"""The emulator's ready-made merchant and partner, kept in its data directory (mode 0600) across restarts."""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec

from tokenvault_server import files
from tokenvault_server.vault.merchants import Merchants
from tokenvault_server.vault.partners import Partners

FILE = "emulator.json"


class Credentials(msgspec.Struct, frozen=True):
    """The credentials of an emulator."""

    merchant_id: str
    client_id: str
    client_secret: str
    partner_api_key: str
    control_token: str

    def __repr__(self) -> str:
        """Name the merchant only."""
        return f"Credentials(merchant_id={self.merchant_id!r}, ...)"


async def ready_made(merchants: Merchants, partners: Partners, directory: Path) -> Credentials:
    """Return the credentials in the directory, or add a merchant and a partner and store theirs there."""
    file = directory / FILE
    if file.exists():
        return msgspec.json.decode(file.read_bytes(), type=Credentials)
    new = await merchants.add("Emulator", "emulator", client_prefix="TEST")
    partner = await partners.add("Emulator partner", "emulator")
    await partners.link(partner.partner_id, new.merchant.merchant_id, "emulator")
    credentials = Credentials(
        merchant_id=new.merchant.merchant_id,
        client_id=new.merchant.client_id,
        client_secret=new.client_secret.reveal(),
        partner_api_key=partner.api_key.reveal(),
        control_token=secrets.token_urlsafe(24),
    )
    files.create(file, msgspec.json.encode(credentials) + b"\n")
    return credentials
