"""The OpenAPI documents of the newest version: a vault's, as `tokenvault openapi` prints it, and an emulator's."""

from __future__ import annotations

import json

from tokenvault_contract.openapi import openapi_document
from tokenvault_contract.operations import OPERATIONS
from tokenvault_contract.payment_operations import PAYMENT_OPERATIONS
from tokenvault_contract.versions import LATEST
from tokenvault_server.api.openapi import document


def page() -> str:
    """Return the document of a vault."""
    return json.dumps(document(), indent=2) + "\n"


def emulator_page() -> str:
    """Return the document of an emulator, which also has orders, payments and refunds."""
    whole = openapi_document(title="Tokenvault emulator", operations=(*OPERATIONS, *PAYMENT_OPERATIONS))
    whole["info"]["version"] = LATEST
    return json.dumps(whole, indent=2) + "\n"
