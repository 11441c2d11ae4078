"""The OpenAPI document of the newest version, as `tokenvault openapi` prints it."""

from __future__ import annotations

import json

from tokenvault_server.api.openapi import document


def page() -> str:
    """Return the document."""
    return json.dumps(document(), indent=2) + "\n"
