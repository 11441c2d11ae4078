"""One way to write calls down, and the three styles in which they are made: that of 4.x, of 5.x and of 6.x.

Runs inside the environment of either package; standard library only.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

CREDENTIALS = ("XClientId", "XClientSecret", "XPartnerKey", "XClientSignature", "XPartnerMerchantId")
VERSIONS = {4: "2023-08-01", 5: "2023-08-01", 6: None}


@dataclass(frozen=True)
class Places:
    """The servers, who calls, and the cards that were saved for it."""

    vault: str
    scripted: str
    nobody: str
    client_id: str
    client_secret: str
    side: str
    """What keys begin with, so that no call of one package is a repeat of the other's."""
    customer: str
    instrument: str
    departing: str
    """A customer whose cards are deleted, each by one scenario."""
    doomed: list[str]


class Sdk:
    """The `cashfree_pg` of this environment, called in one style."""

    def __init__(self, style: int, places: Places) -> None:
        self.style = style
        self.places = places
        self.Cashfree = module("api_client").Cashfree
        self._base_url = places.vault
        # The hosts of the official package are fixed; this property is the one place that all its versions ask.
        host = property(lambda _: self._base_url, lambda _, __: None)
        module("configuration").Configuration.host = host

    def made(self, **credentials: str | None) -> Any:
        """Gives the object that calls are made with: those of the vault's merchant unless told otherwise."""
        mine = {"XClientId": self.places.client_id, "XClientSecret": self.places.client_secret}
        given = dict.fromkeys(CREDENTIALS) | (credentials or mine)
        if self.style > 4:
            return self.Cashfree(self.Cashfree.SANDBOX, **given)
        self.Cashfree.XEnvironment = self.Cashfree.SANDBOX
        for name, value in given.items():
            setattr(self.Cashfree, name, value)
        return self.Cashfree()

    def point_at(self, base_url: str) -> None:
        """Sends all calls to a server."""
        self._base_url = base_url

    def at(self, base_url: str, method: str, *arguments: Any, by: Any = None, version: str = "", **named: Any) -> Any:
        """Makes a call to a server; the arguments are those after the version."""
        self.point_at(base_url)
        cashfree = by or self.made()
        if version and self.style > 4:
            cashfree.XApiVersion = version
        first = [] if self.style > 5 else [version or VERSIONS[self.style]]
        return getattr(cashfree, method)(*first, *arguments, **named)

    def vault(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Makes a call to the vault, under a request id unless told otherwise."""
        return self.at(self.places.vault, method, *arguments, **{"x_request_id": "r1", **named})

    def scripted(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Makes a call to the server that does what the customer's id says."""
        return self.at(self.places.scripted, method, *arguments, **named)


def module(name: str) -> Any:
    """Gives a module of the package."""
    return importlib.import_module(f"cashfree_pg.{name}")
