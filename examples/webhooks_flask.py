"""Receive webhooks in Flask: verify the bytes as they came, keep the event, then answer.

WEBHOOK_SECRET=... flask --app webhooks_flask.py run
"""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask, abort, request

from tokenvault_client import WebhookError, webhooks
from webhook_inbox import Inbox

SECRETS = os.environ["WEBHOOK_SECRET"].split(",")
"""One secret, or two while it is being rotated."""

app = Flask(__name__)
inbox = Inbox(Path(os.environ.get("WEBHOOK_INBOX", "inbox.db")))


@app.post("/webhooks")
def receive() -> dict[str, str]:
    """Take one delivery. The vault repeats what is not answered with 2xx within ten seconds."""
    try:
        # The signature covers these bytes. A body that was parsed and written again no longer matches it.
        event = webhooks.verify(request.get_data(), dict(request.headers), secrets=SECRETS)
    except WebhookError:
        abort(400, "not a webhook of ours")
    card = event.instrument
    if inbox.add(request.headers["x-idempotency-key"], event.type, card.instrument_id if card else ""):
        # Short work fits here. Longer work belongs to a queue that reads the inbox.
        print(event.type, card.instrument_display if card else "-", flush=True)
    return {"status": "received"}
