"""The part of the `cashfree_pg` SDK that saves cards, built on `tokenvault_client`. It replaces the official package.

    import cashfree_pg
    from cashfree_pg import Cashfree
    from cashfree_pg.rest import ApiException

Certificates are verified, every call has a deadline, no call acts twice, and calls never mix credentials.
"""

from cashfree_pg import _official_package

_official_package.check_absent()

from cashfree_pg import models  # noqa: E402
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
from cashfree_pg.models import *  # noqa: E402, F403  # every model, as in the official package
from tokenvault_client import __version__  # noqa: E402

__all__ = [
    "ApiAttributeError",
    "ApiClient",
    "ApiException",
    "ApiKeyError",
    "ApiResponse",
    "ApiTypeError",
    "ApiValueError",
    "CFEnvironment",
    "Cashfree",
    "Configuration",
    "OpenApiException",
    "PGWebhookEvent",
    "__version__",
]
__all__ += models.__all__
