"""The credentials that this process accepted: they are checked even from an address whose budget is used up.

Only hashes are kept, of a bounded number of names with a few credentials each. A credential that is no longer accepted
is forgotten, so a revoked secret is refused like any other guess.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from tokenvault_server.api.windows import drop_oldest

_MAX_NAMES: Final = 50_000
_PER_NAME: Final = 4
"""Two live secrets, and a few signatures: whoever signs each call anew must not push out other merchants."""


class KnownCredentials:
    """Credentials by the name that they were accepted for: a client id, or what a partner's key was sent with."""

    def __init__(self, max_names: int = _MAX_NAMES) -> None:
        """Remember up to `max_names` names; the one that was accepted longest ago goes first."""
        self._max_names = max_names
        self._digests: OrderedDict[str, tuple[bytes, ...]] = OrderedDict()

    def holds(self, name: str, digest: bytes) -> bool:
        """Return whether a credential was accepted for a name."""
        return digest in self._digests.get(name, ())

    def add(self, name: str, digest: bytes) -> None:
        """Remember an accepted credential; the oldest of its name goes when there are too many."""
        digests = self._digests.get(name, ())
        if digest not in digests:
            self._digests[name] = (*digests[1 - _PER_NAME :], digest)
        self._digests.move_to_end(name)
        if len(self._digests) > self._max_names:
            drop_oldest(self._digests)

    def clear(self) -> None:
        """Forget all credentials."""
        self._digests.clear()

    def discard(self, name: str, digest: bytes) -> None:
        """Forget a credential that is no longer accepted, if it was known."""
        if self.holds(name, digest):
            self._digests[name] = tuple(each for each in self._digests[name] if each != digest)
