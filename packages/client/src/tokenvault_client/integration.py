"""Building blocks for packages that offer the calls of the `cashfree_pg` SDK.

A package of this kind binds its arguments to a `RequestedCall`, describes a `CallTarget`, and lets a `Dialect` make the
call with the package's own classes:

    call = bind_arguments("PGCustomerFetchInstrument", ("asha", "i1"), {}, version_first=False)
    target = CallTarget(base_url(cashfree), credential_headers(cashfree), shared_transport())
    response = Dialect(ApiResponse, HTTPHeaderDict, exceptions).result(target, call, None, InstrumentEntity.from_dict)

The drop-in `tokenvault-cashfree-pg` uses nothing else of the client but its documented modules.
"""

from __future__ import annotations

from tokenvault_client._background import BackgroundCalls
from tokenvault_client._calling_convention import (
    DEFAULT_VERSION,
    METHODS,
    PAYMENT_METHODS,
    VERSION_ARGUMENT,
    CallTarget,
    RequestedCall,
    base_url,
    begins_with_version,
    bind_arguments,
    body_parameter,
    credential_headers,
    parameters,
    shared_transport,
)
from tokenvault_client._dialect import Dialect, RESTResponse
from tokenvault_client._secrets import Secret, hides_locals

__all__ = [
    "DEFAULT_VERSION",
    "METHODS",
    "PAYMENT_METHODS",
    "VERSION_ARGUMENT",
    "BackgroundCalls",
    "CallTarget",
    "Dialect",
    "RESTResponse",
    "RequestedCall",
    "Secret",
    "base_url",
    "begins_with_version",
    "bind_arguments",
    "body_parameter",
    "credential_headers",
    "hides_locals",
    "parameters",
    "shared_transport",
]
