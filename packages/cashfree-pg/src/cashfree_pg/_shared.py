"""What the calls of a process share: connections, threads and default headers."""

from __future__ import annotations

from types import TracebackType
from typing import ClassVar, Self

from cashfree_pg.configuration import Configuration
from tokenvault_client._background import Background
from tokenvault_client._cashfree import transport as usual_transport
from tokenvault_client.transports import Transport

_THREADS = 16


class ApiClient:
    """Connections, threads and default headers; unlike the official one it never holds anybody's credentials."""

    _default: ClassVar[ApiClient | None] = None

    def __init__(
        self,
        configuration: Configuration | None = None,
        header_name: str | None = None,
        header_value: str | None = None,
        *,
        pool_threads: int = _THREADS,
        transport: Transport | None = None,
    ) -> None:
        """Share the usual connections, or those of a transport of yours: one with a proxy, for instance."""
        self._configuration = configuration
        self._transport = transport
        self.default_headers: dict[str, str] = {}
        if header_name is not None and header_value is not None:
            self.set_default_header(header_name, header_value)
        self.background: Background = Background(pool_threads)

    @property
    def configuration(self) -> Configuration:
        """The settings of these calls: its own, or those in force."""
        return self._configuration or Configuration.get_default()

    @property
    def transport(self) -> Transport:
        """What carries these calls."""
        settings = self.configuration
        return self._transport or usual_transport(settings.ssl_ca_cert, settings.connection_pool_maxsize)

    def set_default_header(self, header_name: str, header_value: str) -> None:
        """Has a header sent with every call that does not say otherwise."""
        self.default_headers[header_name] = header_value

    def close(self) -> None:
        """Lets go of threads and connections; a later call makes new ones."""
        self.background.close()
        self.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @classmethod
    def get_default(cls) -> ApiClient:
        """Gives what all calls use."""
        if cls._default is None:
            cls._default = cls()
        return cls._default

    @classmethod
    def set_default(cls, default: ApiClient | None) -> None:
        """Has all calls use this."""
        cls._default = default
