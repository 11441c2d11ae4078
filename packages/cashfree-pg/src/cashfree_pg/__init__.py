"""The Token Vault part of the `cashfree_pg` SDK, built on `tokenvault_client`. It replaces the official package.

    import cashfree_pg
    from cashfree_pg import Cashfree
    from cashfree_pg.rest import ApiException

Certificates are verified, every call has a deadline, no call acts twice, and calls never mix credentials.
"""

from cashfree_pg import _official_package

_official_package.check_absent()

from cashfree_pg.api_client import ApiClient, Cashfree, CFEnvironment, PGWebhookEvent  # noqa: E402  # after the check
from cashfree_pg.api_response import ApiResponse  # noqa: E402
from cashfree_pg.configuration import Configuration  # noqa: E402
from cashfree_pg.exceptions import (  # noqa: E402
    ApiAttributeError,
    ApiException,
    ApiKeyError,
    ApiTypeError,
    ApiValueError,
    OpenApiException,
)
from cashfree_pg.models import (  # noqa: E402
    ApiError,
    ApiError404,
    ApiError409,
    ApiError502,
    AuthenticationError,
    BadRequestError,
    CryptogramEntity,
    DeletedInstrumentEntity,
    IdempotencyError,
    InstrumentEntity,
    InstrumentEntityForAllSavedCard,
    InstrumentWebhook,
    InstrumentWebhookData,
    RateLimitError,
    SavedInstrumentMeta,
    SavedInstrumentMetaCardTokenDetails,
)
from tokenvault_client import __version__  # noqa: E402

__all__ = [
    "ApiAttributeError",
    "ApiClient",
    "ApiError",
    "ApiError404",
    "ApiError409",
    "ApiError502",
    "ApiException",
    "ApiKeyError",
    "ApiResponse",
    "ApiTypeError",
    "ApiValueError",
    "AuthenticationError",
    "BadRequestError",
    "CFEnvironment",
    "Cashfree",
    "Configuration",
    "CryptogramEntity",
    "DeletedInstrumentEntity",
    "IdempotencyError",
    "InstrumentEntity",
    "InstrumentEntityForAllSavedCard",
    "InstrumentWebhook",
    "InstrumentWebhookData",
    "OpenApiException",
    "PGWebhookEvent",
    "RateLimitError",
    "SavedInstrumentMeta",
    "SavedInstrumentMetaCardTokenDetails",
    "__version__",
]
