"""How the shop saves a card: with the customer's consent and the reference of an authenticated payment.

The `cashfree_pg` SDK has no method for it. This module alone knows how cards come into the vault.
"""

from __future__ import annotations

from datetime import UTC, datetime

from tokenvault_client import Card, Client, Consent

CONSENT_TEXT = "v1"
"""The version of the text that customers agree to."""


def save_card(customer_id: str, card: dict[str, str], afa_reference: str) -> str:
    """Save a card and return the id of the saved card.

    Raises:
        TokenVaultError: It was not saved.
    """
    consent = Consent(given_at=datetime.now(UTC).isoformat(), text_version=CONSENT_TEXT)
    with Client.from_env() as vault:
        saved = vault.enrol_instrument(customer_id, Card(**card), afa_reference=afa_reference, consent=consent)
    return saved.data.instrument_id
