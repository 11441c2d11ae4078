"""The page of the audit events."""

from __future__ import annotations

from typing import Final

from tokenvault_server.domain import audit
from tokenvault_server.domain.audit import Action
from tools.reference.markdown import NOTE, assembled, prose, table

_RECORDED: Final = {
    Action.INSTRUMENT_ENROLLED: "A card was saved.",
    Action.INSTRUMENT_ACTIVATED: "A saved card can be used: its provider activated its token or ended its suspension.",
    Action.INSTRUMENT_SUSPENDED: "A saved card cannot be used for now: its token was suspended. `details`: by whom "
    "(`suspended_by`), and the `reason`.",
    Action.INSTRUMENT_UPDATED: "The provider changed the token of a saved card, its expiry or the card behind it.",
    Action.INSTRUMENT_DELETED: "A saved card was deleted and its record overwritten.",
    Action.CRYPTOGRAM_ISSUED: "A cryptogram was released. `details`: its counter (`atc`) and `key_index`.",
    Action.AUTHENTICATION_REFUSED: "Authentications failed. `details`: how many (`count`). At most one entry a minute "
    "for each merchant and address.",
    Action.MERCHANT_ADDED: "A merchant was added. `details`: its `name`.",
    Action.MERCHANT_SECRET_ROTATED: "A merchant got another secret. `details`: its `credential_id`, and when the "
    "other secrets expire (`others_end_at`).",
    Action.MERCHANT_SECRET_REVOKED: "A merchant's secret was revoked. `details`: its `credential_id`.",
    Action.SIGNATURE_KEY_MADE: "A merchant got a key to authenticate by signature; an earlier key was destroyed. "
    "`details`: the key's `version`.",
    Action.SIGNATURE_KEY_ENDED: "A merchant's signature key was destroyed. `details`: its `version`.",
    Action.PARTNER_ADDED: "A partner was added. In the vault's own chain. `details`: its `partner_id` and `name`.",
    Action.PARTNER_LINKED: "A partner may act for the merchant. `details`: its `partner_id`.",
    Action.PARTNER_UNLINKED: "A partner may no longer act for the merchant. `details`: its `partner_id`.",
    Action.PARTNER_KEY_ROTATED: "A partner got another key. In the vault's own chain. `details`: its `partner_id`, "
    "the key's `credential_id`, and when the other keys expire (`others_end_at`).",
    Action.PARTNER_KEY_REVOKED: "A partner's key was revoked. In the vault's own chain. `details`: its `partner_id`, "
    "the key's `credential_id`.",
    Action.RATE_LIMIT_CHANGED: "A rate limit of the merchant changed. `details`: the `operation`, and its "
    "`per_minute`, unless the vault's own limit applies again.",
    Action.WEBHOOK_ENDPOINT_ADDED: "A webhook endpoint was added. `details`: its `endpoint_id`.",
    Action.WEBHOOK_ENDPOINT_REMOVED: "A webhook endpoint was removed. `details`: its `endpoint_id`.",
    Action.WEBHOOK_RESENT: "An operator resent an event. `details`: its `event_id`.",
    Action.VAULT_INITIALISED: "The vault was created. The first entry of the vault's own chain.",
    Action.KEY_RENEWED: "A key was replaced by a new version. `details`: its `purpose` and the new `version`.",
    Action.KEY_DESTROYED: "A key that is no longer needed was overwritten. `details`: its `purpose` and `version`.",
}
_FIELDS_OF_AN_EVENT: Final = {
    "at": "When, in microseconds since 1970, UTC.",
    "action": "The action; see the table above.",
    "actor": "Who: a client id, a partner id, `cli`, `emulator`, or `vault` for its own actions; empty for an "
    "authentication failure.",
    "origin": "The address that the call came from.",
    "request_id": "The call's `x-request-id`.",
    "customer_id": "Whose saved card.",
    "instrument_id": "Which saved card.",
    "outcome": "`done` or `refused`.",
    "details": "Other data of this action.",
}


def page() -> str:
    """Return the page of the audit events."""
    actions = [[f"`{action.value}`", _RECORDED[action]] for action in Action]
    fields = [[f"`{name}`", _FIELDS_OF_AN_EVENT[name]] for name in audit.AuditEntry.__slots__]
    parts = [
        "# Audit events",
        NOTE,
        prose(
            "The actions and fields of an entry of the audit trail, which is JSON. There is no field for a token, a",
            "cryptogram or a secret. [Verify the audit trail](../how-to/verify-the-audit-trail.md) explains how",
            "entries are chained and how to check the chains.",
        ),
        table(["action", "what happened"], actions),
        "## Fields",
        table(["field", "meaning"], fields),
    ]
    return assembled(parts)
