"""The rules for ids and names, one for both ends: what a client sends, the server accepts, and the other way round.

Merchants choose the ids of their customers, in any script. An id may therefore contain everything that people write:
combining and joining characters, spaces of any kind, and characters that are newer than this Python. Only what no
text needs, or what clients send by mistake, is excluded.

The server also rejects ids that contain a card number. That rule is not here, because a client has no use for it.
"""

from __future__ import annotations

import re
from typing import Final

MAX_LENGTH: Final = 128
"""The limit for an id, in characters."""
CLIENT_SECRET_PREFIX: Final = "tvsk_"
PARTNER_KEY_PREFIX: Final = "tvpk_"

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_REFERENCE: Final = re.compile(r"[\x21-\x7e]{1,128}")


def is_id(text: str) -> bool:
    """Return whether text can be the id of a customer or of an instrument: one segment of a path.

    Dot segments and template literals such as `{customer_id}` are excluded because clients send them by mistake and
    proxies act on them.
    """
    return is_name(text, MAX_LENGTH) and text not in {".", ".."} and not (text[0] == "{" and text[-1] == "}")


def is_name(text: str, max_length: int) -> bool:
    """Return whether text has 1 to `max_length` characters, no control character, no half character and no secret."""
    return 0 < len(text) <= max_length and not _CONTROL.search(text) and not holds_api_secret(text)


def is_reference(text: str) -> bool:
    """Return whether text can be a request id or an idempotency key: 1 to 128 visible ASCII characters, no secret."""
    return _REFERENCE.fullmatch(text) is not None and not holds_api_secret(text)


def holds_api_secret(text: str) -> bool:
    """Return whether text contains one of our API secrets, which begin with a prefix. As an id, it would be stored."""
    return CLIENT_SECRET_PREFIX in text or PARTNER_KEY_PREFIX in text
