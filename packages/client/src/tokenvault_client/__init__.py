"""A typed client for the Token Vault API, synchronous and asynchronous.

    from tokenvault_client import Client

    with Client.from_env() as vault:
        for saved in vault.fetch_instruments("asha").data:
            print(saved.instrument_display)

Errors are in `errors`, webhook events in `webhooks`, and the interface for HTTP libraries is in `transports`. Packages
that offer the calls of the `cashfree_pg` SDK find their building blocks in `integration`.
"""

from tokenvault_client._options import Environment
from tokenvault_client._retry import Retry
from tokenvault_client._version import VERSION
from tokenvault_client.client import AsyncClient, Client
from tokenvault_client.errors import (
    APIError,
    AuthenticationError,
    CallTimeoutError,
    ConflictError,
    DecodeError,
    ForbiddenError,
    IdempotencyError,
    InternalError,
    InvalidRequestError,
    NotFoundError,
    RateLimitedError,
    RouteNotFoundError,
    TokenVaultError,
    TransportError,
    UpstreamError,
    UsageError,
    WebhookError,
)
from tokenvault_client.results import (
    Answer,
    Card,
    Consent,
    Cryptogram,
    Instrument,
    InstrumentMeta,
    RateLimit,
    TokenDetails,
)

__all__ = [
    "APIError",
    "Answer",
    "AsyncClient",
    "AuthenticationError",
    "CallTimeoutError",
    "Card",
    "Client",
    "ConflictError",
    "Consent",
    "Cryptogram",
    "DecodeError",
    "Environment",
    "ForbiddenError",
    "IdempotencyError",
    "Instrument",
    "InstrumentMeta",
    "InternalError",
    "InvalidRequestError",
    "NotFoundError",
    "RateLimit",
    "RateLimitedError",
    "Retry",
    "RouteNotFoundError",
    "TokenDetails",
    "TokenVaultError",
    "TransportError",
    "UpstreamError",
    "UsageError",
    "WebhookError",
]

__version__ = VERSION
