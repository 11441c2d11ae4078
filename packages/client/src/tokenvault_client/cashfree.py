"""Routing for programs that keep the official `cashfree_pg` SDK: this client makes its Token Vault calls.

    import cashfree_pg
    from tokenvault_client.cashfree import route_token_vault

    route_token_vault(cashfree_pg)

The calling code does not change. It receives the same models and catches the same exceptions as before.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from functools import partial, wraps
from types import ModuleType
from typing import Any, Final

from tokenvault_client import _arguments as arguments
from tokenvault_client import integration
from tokenvault_client._version import VERSION
from tokenvault_client.errors import UsageError

_LAST_WITH_VERSION_ARGUMENT: Final = 5
_THREADS: Final = 16
_PLATFORM: Final = ("x-sdk-platform", f"tokenvault-client-{VERSION}")
_NEWER_MODELS: Final = {
    "PGCustomerDeleteInstrument": "DeletedInstrumentEntity",
    "PGCustomerFetchInstrument": "InstrumentEntity",
    "PGCustomerFetchInstruments": "InstrumentEntityForAllSavedCard",
    "PGCustomerInstrumentsFetchCryptogram": "CryptogramEntity",
}
_OLDER_MODELS: Final = dict.fromkeys(_NEWER_MODELS, "InstrumentEntity") | {
    "PGCustomerInstrumentsFetchCryptogram": "CryptogramEntity"
}


def route_token_vault(
    cashfree_pg: ModuleType, *, base_url: str | None = None, ca_file: str | os.PathLike[str] | None = None
) -> None:
    """Route the four Token Vault methods of the official package through this client.

    Calls go to `base_url` if it is passed, else to `CASHFREE_BASE_URL` if it is set, else to the host of the SDK's
    environment. Releases 4.x, 5.x and 6.x are supported. A second call changes the address.

    Raises:
        UsageError: The module is not the official package.
    """
    arguments.check_instance("cashfree_pg", cashfree_pg, ModuleType)
    if base_url is not None:
        arguments.text("base_url", base_url)
    if not hasattr(importlib.import_module(f"{cashfree_pg.__name__}.api_client").Cashfree, "PGCreateLink"):
        raise UsageError("this is not the official cashfree_pg; the drop-in needs no routing")
    route = _Route(cashfree_pg, base_url, None if ca_file is None else arguments.path("ca_file", ca_file))
    for name in integration.METHODS:
        current = getattr(route.cashfree, name)
        original = getattr(current, "__wrapped_by_tokenvault__", current)
        setattr(route.cashfree, name, route.method(name, original))


class _Route:
    """The routing of one package."""

    def __init__(self, package: ModuleType, base_url: str | None, ca_file: str | None) -> None:
        modules = {
            name: importlib.import_module(f"{package.__name__}.{name}")
            for name in ("api_client", "api_response", "exceptions", "models", "rest")
        }
        self.cashfree: Any = modules["api_client"].Cashfree
        self._client: Any = modules["api_client"].ApiClient
        self._models = modules["models"]
        self._generation = int(package.__version__.partition(".")[0])
        self._dialect = integration.Dialect(
            modules["api_response"].ApiResponse, modules["rest"].urllib3.HTTPHeaderDict, modules["exceptions"]
        )
        self._base_url = base_url
        self._transport = integration.shared_transport(ca_file)
        self._background = integration.BackgroundCalls(_THREADS)

    def method(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return the replacement of a method."""

        @wraps(original)
        @integration.hides_locals
        def routed(cashfree: object, *positional: Any, **named: Any) -> Any:  # noqa: ANN401  # the official signature
            return self._call(cashfree, name, positional, named)

        routed.__wrapped_by_tokenvault__ = original  # type: ignore[attr-defined]
        return routed

    def _call(self, cashfree: object, name: str, positional: tuple[Any, ...], named: Mapping[str, Any]) -> Any:  # noqa: ANN401
        version_first = self._generation <= _LAST_WITH_VERSION_ARGUMENT
        try:
            call = integration.bind_arguments(name, positional, named, version_first=version_first)
        except TypeError as error:
            raise self._dialect.exceptions.ApiTypeError(str(error)) from None
        models = _OLDER_MODELS if version_first else _NEWER_MODELS
        work = partial(
            self._dialect.result,
            self._target(cashfree, call),
            call,
            integration.DEFAULT_VERSION if version_first else getattr(cashfree, "XApiVersion", None),
            getattr(self._models, models[name]).from_dict,
        )
        return self._background.start(work) if call.options.get("async_req") else work()

    def _target(self, cashfree: object, call: integration.RequestedCall) -> integration.CallTarget:
        try:
            return integration.CallTarget(
                base_url=integration.base_url(cashfree, self._base_url),
                credentials=integration.credential_headers(cashfree, call.options.get("_request_auth")),
                transport=self._transport,
                headers=integration.Secret((*self._client.get_default().default_headers.items(), _PLATFORM)),
            )
        except UsageError as error:
            raise self._dialect.exception(error) from error
