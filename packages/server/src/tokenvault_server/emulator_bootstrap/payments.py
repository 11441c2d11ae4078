"""Opens the order-and-pay journey of an emulator, and connects its bank with the built-in token service."""

from __future__ import annotations

from pathlib import Path

from tokenvault_server.bootstrap.vault import Vault
from tokenvault_server.database import opening
from tokenvault_server.domain.card import Pan
from tokenvault_server.emulator.payments.bank import TokenPresentation, TokenService, masked
from tokenvault_server.emulator.payments.records import CardFacts
from tokenvault_server.emulator.payments.setup import FILE, Journey, VaultParts, open_journey
from tokenvault_server.tsp.local.issuer import LocalTokenService
from tokenvault_server.tsp.local.verification import Presentation


async def open_payments(vault: Vault, directory: Path, *, strict: bool = False) -> Journey:
    """Open the journey of an emulator, with its database in the emulator's directory."""
    engine = await opening.open_engine(opening.file_store(directory / FILE), new=True)
    parts = VaultParts(
        vault.engine,
        vault.sealer,
        vault.merchants,
        vault.instruments,
        vault.cryptograms,
        vault.webhook_events,
        vault.clock,
    )
    try:
        return await open_journey(engine, parts, token_service_of(vault.token_service), strict=strict)
    except BaseException:
        await engine.close()
        raise


def token_service_of(local: LocalTokenService) -> TokenService:
    """Return what the bank needs of the built-in token service."""

    def facts_of(pan: Pan) -> CardFacts | None:
        card = local.card_range(pan)
        if card is None:
            return None
        display = masked(pan.last4)
        return CardFacts(
            display, card.network.value, card.card_type, card.card_sub_type, card.country or None, card.issuer
        )

    async def verify(presented: TokenPresentation) -> str:
        presentation = Presentation(
            token_pan=presented.number,
            cryptogram=presented.cryptogram,
            merchant_id=presented.merchant_id,
            token_expiry=presented.expiry,
            trid=presented.trid,
            amount=presented.amount,
        )
        return (await local.verify(presentation)).value

    return TokenService(facts_of, verify)
