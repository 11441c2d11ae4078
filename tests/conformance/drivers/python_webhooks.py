"""Has the official Python SDK verify a notification, and tells what it made of it.

Runs inside the SDK's own environment and imports nothing of ours. One JSON object on stdin: secret, signature,
timestamp and body; one on stdout: the type that the SDK read, or the words of what it raised.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
from typing import Any

Cashfree = importlib.import_module("cashfree_pg.api_client").Cashfree
GENERATION = int(importlib.metadata.version("cashfree_pg").split(".")[0])
LAST_WITH_CLASS_CONFIGURATION = 4


def main() -> None:
    """Answers once."""
    asked = json.load(sys.stdin)
    try:
        event = sdk(asked["secret"]).PGVerifyWebhookSignature(asked["signature"], asked["body"], asked["timestamp"])
        told = {"type": event.type, "object": event.object, "error": None}
    except Exception as error:  # noqa: BLE001  # the SDK raises bare ones
        told = {"type": None, "object": None, "error": str(error)}
    json.dump(told, sys.stdout)


def sdk(secret: str) -> Any:  # the SDK has no types
    """Gives the SDK's object, configured the way of its generation."""
    if GENERATION <= LAST_WITH_CLASS_CONFIGURATION:
        Cashfree.XClientSecret = secret
        return Cashfree()
    return Cashfree(Cashfree.SANDBOX, "id", secret)


main()
