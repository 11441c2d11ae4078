"""The page of the audit events."""

from __future__ import annotations

from typing import Final

from tokenvault_contract import webhook_events
from tokenvault_server.domain import audit
from tokenvault_server.domain.audit import Action
from tools.reference.markdown import NOTE, assembled, prose, table

_RECORDED: Final = {
    Action.INSTRUMENT_ENROLLED: "A card was saved.",
    Action.INSTRUMENT_ACTIVATED: "The token of a saved card became active. `details`: its `token_status`, and the "
    "`reason` if the provider or the operator gave one.",
    Action.INSTRUMENT_SUSPENDED: "The token of a saved card became unusable. `details`: its `token_status`, who "
    "suspended it (`suspended_by`: `issuer` or `requestor`), and the `reason`.",
    Action.INSTRUMENT_UPDATED: "The provider changed the token or the card behind it. `details`: what `changed` "
    "(`token`, `card` or `token,card`), and the `reason`.",
    Action.INSTRUMENT_DELETED: "A saved card was deleted and its record overwritten. `details`, where its provider "
    "ended the token: `token_status` and `reason`.",
    Action.CRYPTOGRAM_ISSUED: "A cryptogram was released. `details`: its `atc`, its `key_index`, and its position "
    "among all of its token (`counter`), where the provider tells them.",
    Action.AUTHENTICATION_REFUSED: "Authentications failed. `details`: how many (`count`). At most one entry a minute "
    "for each merchant and address, for ten addresses of a merchant; the others of that minute share one, whose "
    "`origin` is empty. `origin` is an IPv4 address, or the /64 network of an IPv6 address.",
    Action.MERCHANT_ADDED: "A merchant was added. `details`: its `name`.",
    Action.MERCHANT_SUSPENDED: "A merchant was suspended: its calls are refused and its webhooks wait. `details`: the "
    "`reason`.",
    Action.MERCHANT_RESUMED: "A merchant's suspension ended. `details`: the `reason`.",
    Action.MERCHANT_REMOVED: "A merchant was removed, after entries for each card and credential that ended. "
    "`details`: the `reason`, and how many `cards`, `secrets`, `signature_keys`, `partner_links`, `limits` and "
    "`endpoints` the last run of the command ended.",
    Action.MERCHANT_SECRET_ROTATED: "A merchant got another secret. `details`: its `credential_id`, and when the "
    "other secrets expire (`others_end_at`).",
    Action.MERCHANT_SECRET_REVOKED: "A merchant's secret was revoked. `details`: its `credential_id`.",
    Action.SIGNATURE_KEY_MADE: "A merchant got a key to authenticate by signature; an earlier key was destroyed. "
    "`details`: the key's `version`.",
    Action.SIGNATURE_KEY_ENDED: "A merchant's signature key was destroyed. `details`: its `version`.",
    Action.PARTNER_ADDED: "A partner was added. In the vault's own chain. `details`: its `partner_id` and `name`.",
    Action.PARTNER_SUSPENDED: "A partner was suspended. In the vault's own chain. `details`: its `partner_id` and the "
    "`reason`.",
    Action.PARTNER_RESUMED: "A partner's suspension ended. In the vault's own chain. `details`: its `partner_id` and "
    "the `reason`.",
    Action.PARTNER_REMOVED: "A partner was removed. In the vault's own chain. `details`: its `partner_id`, the "
    "`reason`, and how many `keys`, `links` and `endpoints` the last run of the command ended.",
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
    Action.VAULT_BACKED_UP: "A backup was begun. In the vault's own chain. `details`: its `backup_id`, and the public "
    "`recovery_key` that it is encrypted to.",
    Action.VAULT_RESTORED: "The vault was restored from the backup `backup_id`, as it was at `made_at` (microseconds "
    "since 1970) with the checkpoint `checkpoint`. In the vault's own chain. `details` also: by how many sequence "
    "numbers all tokens were stepped (`psn_step`), how many `findings` the trail had, and what the old anchor was "
    "(`anchor_was`).",
    Action.ANCHOR_RENEWED: "An operator made a new audit anchor. In the vault's own chain. `details`: the `reason`, "
    "what the old anchor `was` (`missing`, `unreadable`, `contradicted`, `matches`), and how many `findings` the trail "
    "had.",
    Action.ROWS_TAGGED: "`tokenvault migrate` gave the rows of an older vault their first tags. `details`: the tags; "
    "in the vault's own chain when it `began`, and how many `rows` there were.",
    Action.KEY_RENEWED: "A key was replaced by a new version. `details`: its `purpose` and the new `version`.",
    Action.KEY_DESTROYED: "A key that is no longer needed was overwritten. `details`: its `purpose` and `version`.",
}
_FIELDS_OF_AN_EVENT: Final = {
    "at": "When, in microseconds since 1970, UTC.",
    "action": "The action; see the table above.",
    "actor": "Who: a client id, a partner id, `cli`, `emulator`, `tsp:NAME` for a token service provider, or `vault` "
    "for its own actions; empty for an authentication failure.",
    "origin": "The address that the call came from; of authentication failures, see above.",
    "request_id": "The call's `x-request-id`.",
    "customer_id": "Whose saved card.",
    "instrument_id": "Which saved card.",
    "outcome": "`done` or `refused`.",
    "details": "Other data of this action. A name that begins with `row/` is the kind and the id of a row that the act "
    "changed; its value is the row's [tag](storage-format.md#row-tags) in hex, or empty if the row was deleted.",
}

_SENT: Final = {
    webhook_events.INSTRUMENT_ACTIVE: "A card can be used: it was saved, or its token became active.",
    webhook_events.INSTRUMENT_FAILED: "A card could not be saved.",
    webhook_events.INSTRUMENT_INACTIVE: "The token of a saved card was suspended, or it expired.",
    webhook_events.INSTRUMENT_UPDATED: "The bank replaced the card behind a token: its last four digits changed.",
    webhook_events.INSTRUMENT_DELETED: "The provider ended the token of a saved card, which is deleted with it.",
}


def page() -> str:
    """Return the page of the audit events."""
    actions = [[f"`{action.value}`", _RECORDED[action]] for action in Action]
    fields = [[f"`{name}`", _FIELDS_OF_AN_EVENT[name]] for name in audit.AuditEntry.__slots__]
    parts = [
        "# Audit and webhook events",
        NOTE,
        prose(
            "The actions and fields of an entry of the audit trail, which is JSON. There is no field for a token, a",
            "cryptogram or a secret. [Verify the audit trail](../how-to/verify-the-audit-trail.md) explains how",
            "entries are chained and how to check the chains.",
        ),
        table(["action", "what happened"], actions),
        "## Fields",
        table(["field", "meaning"], fields),
        "## Webhook events",
        prose(
            f"The types that merchants receive, all of version `{webhook_events.VERSION}` and of one shape.",
            "[Receive webhooks](../how-to/receive-webhooks.md) explains signatures, retries and receivers.",
        ),
        table(["type", "by", "when"], [_webhook(event_type) for event_type in webhook_events.EVENT_TYPES]),
    ]
    return assembled(parts)


def _webhook(event_type: str) -> list[str]:
    origin = "Cashfree" if event_type in webhook_events.PUBLISHED else "Tokenvault"
    return [f"`{event_type}`", origin, _SENT[event_type]]
