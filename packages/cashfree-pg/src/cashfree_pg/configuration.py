"""The settings that all calls of a process share, as far as they have an effect here."""

from __future__ import annotations

import os
from typing import ClassVar, Final

from cashfree_pg.exceptions import ApiAttributeError, ApiValueError

SANDBOX: Final = "https://sandbox.cashfree.com/pg"


class Configuration:
    """Settings for all calls. `Configuration.set_default` activates them, at any time.

    Attributes of the official class that have no effect here raise an error, so that nobody relies on them.
    """

    _default: ClassVar[Configuration | None] = None

    def __init__(self, host: str | None = None, *, ssl_ca_cert: str | None = None) -> None:
        self.host: str = host or SANDBOX
        self.ssl_ca_cert: str | None = ssl_ca_cert or os.environ.get("CASHFREE_CA_FILE") or None
        self.connection_pool_maxsize = 100
        self.retries = 2

    def __setattr__(self, name: str, value: object) -> None:
        if name not in _SETTINGS:
            raise ApiAttributeError(f"{name} is not a setting of this package; the settings are {', '.join(_SETTINGS)}")
        object.__setattr__(self, name, value)

    @property
    def verify_ssl(self) -> bool:
        """Always True: certificates are always verified."""
        return True

    @verify_ssl.setter
    def verify_ssl(self, value: bool) -> None:
        if not value:
            raise ApiValueError("certificates are always verified: set ssl_ca_cert to trust your own authority")

    @property
    def custom_host(self) -> str | None:
        """The host, or None if it is still the default."""
        return None if self.host == SANDBOX else self.host

    @classmethod
    def set_default(cls, default: Configuration | None) -> None:
        """Activate settings for later calls."""
        cls._default = default

    @classmethod
    def get_default(cls) -> Configuration:
        """Return the active settings."""
        if cls._default is None:
            cls._default = cls()
        return cls._default

    @classmethod
    def get_default_copy(cls) -> Configuration:
        """Return the active settings. This is not a copy, as in the official package."""
        return cls.get_default()


_SETTINGS: Final = ("host", "ssl_ca_cert", "verify_ssl", "connection_pool_maxsize", "retries")
