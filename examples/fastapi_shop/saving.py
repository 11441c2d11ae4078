"""How the shop saves a card: with the customer's consent and the reference of an authenticated payment.

This module alone knows how cards come into the vault.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tokenvault_client import AsyncClient, Card, Consent

CONSENT_TEXT = "v1"
"""The version of the text that customers agree to."""


async def save_card(vault: AsyncClient, customer_id: str, card: dict[str, str], afa_reference: str) -> str:
    """Save a card and return the id of the saved card.

    Raises:
        TokenVaultError: It was not saved.
    """
    consent = Consent(given_at=datetime.now(UTC).isoformat(), text_version=CONSENT_TEXT)
    saved = await vault.enrol_instrument(customer_id, Card(**card), afa_reference=afa_reference, consent=consent)
    return saved.data.instrument_id
