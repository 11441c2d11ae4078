"""Notifications: the event of the official package, verified by the client."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

from cashfree_pg.exceptions import ApiValueError
from tokenvault_client import TokenVaultError, webhooks
from tokenvault_contract import headers as names

_REFUSED = "Generated signature and received signature did not match."


class PGWebhookEvent:
    """A notification that is authentic."""

    def __init__(self, type: str, rawBody: str | bytes, object: dict[str, Any]) -> None:  # noqa: A002
        self.type = type
        self.raw = rawBody
        self.object = object


class Notification(NamedTuple):
    """A notification as it came."""

    signature: str
    body: str | bytes
    timestamp: str

    def verified(self, secrets: list[str], tolerance: float | None) -> PGWebhookEvent:
        """Gives the event, once it is certain who sent it.

        Raises:
            ApiValueError: It is not signed with any of the secrets, too old, or not an event.
        """
        body = self.body.encode() if isinstance(self.body, str) else self.body
        headers = {names.WEBHOOK_SIGNATURE: self.signature, names.WEBHOOK_TIMESTAMP: self.timestamp}
        try:
            event = webhooks.verify(body, headers, secrets, math.inf if tolerance is None else tolerance)
        except TokenVaultError as error:
            raise ApiValueError(_REFUSED if "not signed" in str(error) else str(error)) from error
        return PGWebhookEvent(event.type, self.body, json.loads(body))
