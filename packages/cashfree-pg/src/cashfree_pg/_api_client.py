"""`ApiClient`: the connections, threads and default headers that the calls of a process share."""

from __future__ import annotations

from types import TracebackType
from typing import ClassVar, Self

from cashfree_pg.configuration import Configuration
from tokenvault_client.integration import BackgroundCalls, shared_transport
from tokenvault_client.transports import Transport

_THREADS = 16


class ApiClient:
    """Connections, threads and default headers. Unlike the official class, it never holds credentials."""

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
        """Use the shared connections, or your own transport, for instance one with a proxy."""
        self._configuration = configuration
        self._transport = transport
        self.default_headers: dict[str, str] = {}
        if header_name is not None and header_value is not None:
            self.set_default_header(header_name, header_value)
        self.background: BackgroundCalls = BackgroundCalls(pool_threads)

    @property
    def configuration(self) -> Configuration:
        """The settings of these calls: the own ones, or else the default."""
        return self._configuration or Configuration.get_default()

    @property
    def transport(self) -> Transport:
        """The transport of these calls."""
        settings = self.configuration
        return self._transport or shared_transport(settings.ssl_ca_cert, settings.connection_pool_maxsize)

    def set_default_header(self, header_name: str, header_value: str) -> None:
        """Send a header with every call that does not set it itself."""
        self.default_headers[header_name] = header_value

    def close(self) -> None:
        """End the threads and close the connections. A later call creates new ones."""
        self.background.close()
        self.transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @classmethod
    def get_default(cls) -> ApiClient:
        """Return the client that all calls use."""
        if cls._default is None:
            cls._default = cls()
        return cls._default

    @classmethod
    def set_default(cls, default: ApiClient | None) -> None:
        """Set the client that all calls use."""
        cls._default = default
