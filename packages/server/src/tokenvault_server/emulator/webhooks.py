"""The webhook endpoints of the emulator's ready merchant."""

from __future__ import annotations

from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.vault.webhooks import Webhooks


async def subscribe(webhooks: Webhooks, merchant_id: MerchantId, url: str) -> None:
    """Add an endpoint unless the merchant has it: with `--data` an emulator starts again and again."""
    if url not in {endpoint.url for endpoint in await webhooks.endpoints(merchant_id)}:
        await webhooks.add(merchant_id, url, "emulator")


async def unsubscribe(webhooks: Webhooks, merchant_id: MerchantId, url: str) -> None:
    """Remove an endpoint, if the merchant has it."""
    for endpoint in await webhooks.endpoints(merchant_id):
        if endpoint.url == url:
            await webhooks.remove(merchant_id, endpoint.endpoint_id, "emulator")
