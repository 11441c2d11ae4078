"""Tells operators that a client speaks plain http to the port of https.

granian does not hand such a connection on. It logs the failed TLS handshake, for debugging only.
"""

from __future__ import annotations

import logging
import re
from typing import Final

_PLAIN: Final = "InvalidContentType"
"""The word of rustls for bytes that are no TLS record."""
_ADDRESS: Final = re.compile(r"peer_addr: \[?([0-9A-Fa-f:.]+?)\]?:\d+ ")


class FailedHandshakes(logging.Filter):
    """Turns granian's lines about clients without TLS into warnings, and drops others below the chosen level."""

    def __init__(self, level: str) -> None:
        """Let other lines pass from `level` on."""
        super().__init__()
        self._level = logging.getLevelNamesMapping()[level.upper()]

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is written; change the text of one about a client without TLS."""
        text = record.getMessage()
        if _PLAIN not in text:
            return record.levelno >= self._level
        address = _ADDRESS.search(text)
        record.msg, record.args = "a client spoke plain http to a port of TLS", ()
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        vars(record).update(hint="use https:// in the client's base URL", origin=address[1] if address else "")
        return record.levelno >= self._level
