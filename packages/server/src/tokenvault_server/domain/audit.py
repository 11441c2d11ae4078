"""The entries of the audit trail: who did what to which saved card, from where, with what result (PCI DSS 10.2.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Action(StrEnum):
    """The kind of an act, or of an attempt."""

    INSTRUMENT_ENROLLED = "instrument.enrolled"
    INSTRUMENT_ACTIVATED = "instrument.activated"
    INSTRUMENT_SUSPENDED = "instrument.suspended"
    INSTRUMENT_UPDATED = "instrument.updated"
    INSTRUMENT_DELETED = "instrument.deleted"
    CRYPTOGRAM_ISSUED = "cryptogram.issued"
    AUTHENTICATION_REFUSED = "authentication.refused"
    MERCHANT_ADDED = "merchant.added"
    MERCHANT_SUSPENDED = "merchant.suspended"
    MERCHANT_RESUMED = "merchant.resumed"
    MERCHANT_REMOVED = "merchant.removed"
    MERCHANT_SECRET_ROTATED = "merchant.secret_rotated"
    MERCHANT_SECRET_REVOKED = "merchant.secret_revoked"
    SIGNATURE_KEY_MADE = "merchant.signature_key_made"
    SIGNATURE_KEY_ENDED = "merchant.signature_key_ended"
    PARTNER_ADDED = "partner.added"
    PARTNER_SUSPENDED = "partner.suspended"
    PARTNER_RESUMED = "partner.resumed"
    PARTNER_REMOVED = "partner.removed"
    PARTNER_LINKED = "partner.linked"
    PARTNER_UNLINKED = "partner.unlinked"
    PARTNER_KEY_ROTATED = "partner.key_rotated"
    PARTNER_KEY_REVOKED = "partner.key_revoked"
    RATE_LIMIT_CHANGED = "merchant.rate_limit_changed"
    WEBHOOK_ENDPOINT_ADDED = "webhook.endpoint_added"
    WEBHOOK_ENDPOINT_REMOVED = "webhook.endpoint_removed"
    WEBHOOK_RESENT = "webhook.resent"
    VAULT_INITIALISED = "vault.initialised"
    VAULT_BACKED_UP = "vault.backed_up"
    VAULT_RESTORED = "vault.restored"
    ANCHOR_RENEWED = "audit.anchor_renewed"
    ROWS_TAGGED = "rows.tagged"
    KEY_RENEWED = "key.renewed"
    KEY_DESTROYED = "key.destroyed"


@dataclass(slots=True)  # not frozen: each act makes one, and freezing it takes longer than hashing it
class AuditEntry:
    """One entry of a chain. It holds ids and counters only: there is no field for a token, cryptogram or secret."""

    at: int
    action: Action
    actor: str
    origin: str = ""
    request_id: str = ""
    customer_id: str = ""
    instrument_id: str = ""
    outcome: str = "done"
    details: dict[str, int | str] = field(default_factory=dict)
