"""One notation for calls, and the three styles in which they are made: those of 4.x, 5.x and 6.x.

It runs inside the environments of both packages, with the standard library only.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

CREDENTIALS = ("XClientId", "XClientSecret", "XPartnerKey", "XClientSignature", "XPartnerMerchantId")
VERSIONS = {4: "2023-08-01", 5: "2023-08-01", 6: None}


@dataclass(frozen=True)
class Settings:
    """The servers, the credentials and the saved cards."""

    vault: str
    scripted: str
    closed_port: str
    client_id: str
    client_secret: str
    key_prefix: str
    """The prefix of idempotency keys, so that no call of one package repeats a call of the other."""
    customer: str
    instrument: str
    deleting_customer: str
    """A customer whose cards are deleted, each by one scenario."""
    cards_to_delete: list[str]


class Sdk:
    """The `cashfree_pg` of this environment, called in one style."""

    def __init__(self, style: int, settings: Settings) -> None:
        self.style = style
        self.settings = settings
        self.Cashfree = module("api_client").Cashfree
        self._base_url = settings.vault
        # The hosts of the official package are fixed, but all its versions read this property.
        host = property(lambda _: self._base_url, lambda _, __: None)
        module("configuration").Configuration.host = host

    def create_cashfree(self, **credentials: str | None) -> Any:
        """Return the object with which to make calls, by default with the credentials of the vault's merchant."""
        default = {"XClientId": self.settings.client_id, "XClientSecret": self.settings.client_secret}
        attributes = dict.fromkeys(CREDENTIALS) | (credentials or default)
        if self.style > 4:
            return self.Cashfree(self.Cashfree.SANDBOX, **attributes)
        self.Cashfree.XEnvironment = self.Cashfree.SANDBOX
        for name, value in attributes.items():
            setattr(self.Cashfree, name, value)
        return self.Cashfree()

    def set_address(self, base_url: str) -> None:
        """Send all calls to a server."""
        self._base_url = base_url

    def at(self, base_url: str, method: str, *arguments: Any, by: Any = None, version: str = "", **named: Any) -> Any:
        """Make a call to a server. The arguments are those after the version."""
        self.set_address(base_url)
        cashfree = by or self.create_cashfree()
        if version and self.style > 4:
            cashfree.XApiVersion = version
        first = [] if self.style > 5 else [version or VERSIONS[self.style]]
        return getattr(cashfree, method)(*first, *arguments, **named)

    def vault(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Make a call to the vault, by default with a request id."""
        return self.at(self.settings.vault, method, *arguments, **{"x_request_id": "r1", **named})

    def scripted(self, method: str, *arguments: Any, **named: Any) -> Any:
        """Make a call to the scripted server."""
        return self.at(self.settings.scripted, method, *arguments, **named)


def module(name: str) -> Any:
    """Return a module of the package."""
    return importlib.import_module(f"cashfree_pg.{name}")
