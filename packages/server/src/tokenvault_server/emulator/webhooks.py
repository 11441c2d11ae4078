"""Where the emulator's ready merchant is told of its saved cards."""

from __future__ import annotations

from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.vault.webhooks import Webhooks


async def notify(webhooks: Webhooks, merchant_id: MerchantId, url: str) -> None:
    """Have notifications posted to a URL, unless they are already: with `--data` an emulator starts again and again."""
    if url not in {endpoint.url for endpoint in await webhooks.endpoints(merchant_id)}:
        await webhooks.add(merchant_id, url, "emulator")
