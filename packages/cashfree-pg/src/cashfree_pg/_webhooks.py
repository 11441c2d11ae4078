"""Webhook deliveries: the event class of the official package, verified by the client."""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple

from cashfree_pg.exceptions import ApiValueError
from tokenvault_client import TokenVaultError, webhooks
from tokenvault_contract import headers as names

_INVALID_SIGNATURE = "Generated signature and received signature did not match."


class PGWebhookEvent:
    """One authentic event. `object` is None if the body is not JSON; `raw` contains it in any case."""

    def __init__(self, type: str, rawBody: str | bytes, object: Any) -> None:  # noqa: A002, ANN401  # any JSON
        self.type = type
        self.raw = rawBody
        self.object = object


class Delivery(NamedTuple):
    """A delivery as it arrived."""

    signature: str
    body: str | bytes
    timestamp: str

    def verify(self, secrets: list[str], tolerance: float | None) -> PGWebhookEvent:
        """Verify the delivery and return its event.

        Args:
            secrets: The secrets that may sign it.
            tolerance: Its maximal age in seconds. None accepts any age.

        Raises:
            ApiValueError: It is not signed with any of the secrets, or is too old.
        """
        body = self.body.encode(errors="surrogatepass") if isinstance(self.body, str) else self.body
        headers = {names.WEBHOOK_SIGNATURE: self.signature, names.WEBHOOK_TIMESTAMP: self.timestamp}
        try:
            event = webhooks.verify(body, headers, secrets, math.inf if tolerance is None else tolerance)
        except TokenVaultError as error:
            raise ApiValueError(_INVALID_SIGNATURE if "not signed" in str(error) else str(error)) from error
        return PGWebhookEvent(event.type, self.body, _decoded(body))


def _decoded(body: bytes) -> Any:  # noqa: ANN401  # any JSON
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
