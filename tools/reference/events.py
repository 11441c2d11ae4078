"""The page of what the audit trail records."""

from __future__ import annotations

from typing import Final

from tokenvault_server.domain import audit
from tokenvault_server.domain.audit import Action
from tools.reference.markdown import NOTE, assembled, prose, table

_RECORDED: Final = {
    Action.INSTRUMENT_ENROLLED: "A card was saved.",
    Action.INSTRUMENT_DELETED: "A saved card was deleted; its record is overwritten.",
    Action.CRYPTOGRAM_ISSUED: "A cryptogram was released. `details`: its counter (`atc`) and `key_index`.",
    Action.AUTHENTICATION_REFUSED: "Sign-ins were refused. `details`: how many (`count`); at most one entry a minute "
    "for each merchant and address.",
    Action.MERCHANT_ADDED: "A merchant was added. `details`: its `name`.",
    Action.MERCHANT_SECRET_ROTATED: "A merchant has a further secret. `details`: its `credential_id`, and when the "
    "others end (`others_end_at`).",
    Action.MERCHANT_SECRET_REVOKED: "A merchant's secret was ended. `details`: its `credential_id`.",
    Action.SIGNATURE_KEY_MADE: "A merchant may sign in by signature; an earlier key was destroyed. `details`: the "
    "key's `version`.",
    Action.SIGNATURE_KEY_ENDED: "A merchant's signature key was destroyed. `details`: its `version`.",
    Action.PARTNER_ADDED: "A partner was added; in the vault's own chain. `details`: its `partner_id` and `name`.",
    Action.PARTNER_LINKED: "A partner may act for the merchant. `details`: its `partner_id`.",
    Action.PARTNER_UNLINKED: "A partner may act for the merchant no longer. `details`: its `partner_id`.",
    Action.PARTNER_KEY_ROTATED: "A partner has a further key; in the vault's own chain. `details`: its `partner_id`, "
    "the key's `credential_id`, and when the others end (`others_end_at`).",
    Action.PARTNER_KEY_REVOKED: "A partner's key was ended; in the vault's own chain. `details`: its `partner_id`, "
    "the key's `credential_id`.",
    Action.RATE_LIMIT_CHANGED: "An operation has another limit. `details`: the `operation`, and its `per_minute` "
    "unless the vault's own limit counts again.",
    Action.WEBHOOK_ENDPOINT_ADDED: "A URL is told of the merchant's saved cards. `details`: its `endpoint_id`.",
    Action.WEBHOOK_ENDPOINT_REMOVED: "A URL is told no longer. `details`: its `endpoint_id`.",
    Action.WEBHOOK_RESENT: "An operator had a notification sent again. `details`: its `event_id`.",
    Action.VAULT_INITIALISED: "The vault was made; the first entry of its own chain.",
    Action.KEY_RENEWED: "A key was replaced by a new version. `details`: its `purpose` and the new `version`.",
    Action.KEY_DESTROYED: "A key that nothing needs any more was overwritten. `details`: its `purpose` and `version`.",
}
_FIELDS_OF_AN_EVENT: Final = {
    "at": "When, in microseconds since 1970, UTC.",
    "action": "What was done; the table above.",
    "actor": "Who: a client id, a partner id, `cli`, `emulator`, or `vault` for its own doings; empty when refused.",
    "origin": "The address that the call came from.",
    "request_id": "The call's `x-request-id`.",
    "customer_id": "Whose saved card.",
    "instrument_id": "Which saved card.",
    "outcome": "`done` or `refused`.",
    "details": "What else belongs to this action.",
}


def page() -> str:
    """Give the page of what the audit trail records."""
    actions = [[f"`{action.value}`", _RECORDED[action]] for action in Action]
    fields = [[f"`{name}`", _FIELDS_OF_AN_EVENT[name]] for name in audit.AuditEntry.__slots__]
    parts = [
        "# Audit events",
        NOTE,
        prose(
            "What stands in an entry of the audit trail, as JSON. There is no field for a token, a cryptogram or a",
            "secret. How entries are chained, and how to check it, is told in",
            "[how to verify the trail](../how-to/verify-the-audit-trail.md).",
        ),
        table(["action", "what happened"], actions),
        "## Fields",
        table(["field", "meaning"], fields),
    ]
    return assembled(parts)
