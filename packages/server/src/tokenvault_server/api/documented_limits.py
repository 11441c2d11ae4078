"""What Cashfree documents as invalid and the vault accepts: `tokenvault emulator --strict` rejects it.

- A customer id has 3 to 50 characters: letters, digits, and the underscore of Cashfree's own examples.
- An idempotency key is a UUID from version 2023-08-01 on. Earlier versions have none.
"""

from __future__ import annotations

import re
from typing import Final

from tokenvault_contract import headers, operations
from tokenvault_server.api.call import Request
from tokenvault_server.errors import InvalidFieldError

KEYS_SINCE: Final = "2023-08-01"

_CUSTOMER_ID: Final = re.compile(r"[A-Za-z0-9_]{3,50}")
_UUID: Final = re.compile(rb"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_KEY: Final = headers.IDEMPOTENCY_KEY.encode()


def check_customer_id(customer_id: str) -> None:
    """Raise InvalidFieldError for an id of a customer beyond the documented limits."""
    if not _CUSTOMER_ID.fullmatch(customer_id):
        raise InvalidFieldError("customer_id", "is not 3 to 50 letters, digits or underscores")


def check(request: Request) -> None:
    """Raise InvalidFieldError for a routed request beyond the documented limits."""
    if request.of_customer:
        check_customer_id(request.path[0])
    key = request.headers.get(_KEY)
    if key is None or request.operation_key == operations.ENROL_INSTRUMENT.key:
        return
    if request.shape.version < KEYS_SINCE:
        raise InvalidFieldError(headers.IDEMPOTENCY_KEY, f"does not exist before version {KEYS_SINCE}")
    if not _UUID.fullmatch(key):
        raise InvalidFieldError(headers.IDEMPOTENCY_KEY, "is not a UUID")
