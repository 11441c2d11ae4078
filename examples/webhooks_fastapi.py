"""Receive webhooks in FastAPI: verify the bytes as they came, keep the event, answer, then work.

WEBHOOK_SECRET=... uvicorn webhooks_fastapi:app
"""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import BackgroundTasks, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from tokenvault_client import WebhookError, webhooks
from webhook_inbox import Inbox

SECRETS = os.environ["WEBHOOK_SECRET"].split(",")
"""One secret, or two while it is being rotated."""

app = FastAPI()
inbox = Inbox(Path(os.environ.get("WEBHOOK_INBOX", "inbox.db")))


@app.post("/webhooks")
async def receive(request: Request, background: BackgroundTasks) -> dict[str, str]:
    """Take one delivery. The vault repeats what is not answered with 2xx within ten seconds."""
    # The signature covers these bytes. A body that was parsed and written again no longer matches it.
    body = await request.body()
    try:
        event = webhooks.verify(body, request.headers, secrets=SECRETS)
    except WebhookError:
        raise HTTPException(400, "not a webhook of ours") from None
    instrument_id = event.instrument.instrument_id if event.instrument else ""
    if await run_in_threadpool(inbox.add, request.headers["x-idempotency-key"], event.type, instrument_id):
        background.add_task(process, event)  # after the answer
    return {"status": "received"}


def process(event: webhooks.Event) -> None:
    """Do what the shop does about an event."""
    card = event.instrument
    print(event.type, card.instrument_display if card else "-", flush=True)
