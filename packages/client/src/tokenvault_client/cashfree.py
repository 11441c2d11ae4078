"""For programs that keep the official cashfree_pg SDK: its Token Vault calls by this client, everything else by itself.

    import cashfree_pg
    from tokenvault_client.cashfree import route_token_vault

    route_token_vault(cashfree_pg)

The code that calls stays as it is, and so do the models that it gets and the exceptions that it catches.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from functools import partial, wraps
from types import ModuleType
from typing import Any, Final

from tokenvault_client import _cashfree as manner
from tokenvault_client._background import Background
from tokenvault_client._dialect import Dialect
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
    """Has the four Token Vault methods of the official package go through this client, from now on.

    They go to `base_url` or `CASHFREE_BASE_URL` if there is one, else to the host of the SDK's environment. Releases
    4.x, 5.x and 6.x can be routed; doing it again changes where to.

    Raises:
        UsageError: This is not the official package.
    """
    if not hasattr(importlib.import_module(f"{cashfree_pg.__name__}.api_client").Cashfree, "PGCreateOrder"):
        raise UsageError("this is not the official cashfree_pg; the drop-in needs no routing")
    route = _Route(cashfree_pg, base_url, None if ca_file is None else os.fspath(ca_file))
    for name in manner.OPERATIONS:
        usual = getattr(route.cashfree, name)
        setattr(route.cashfree, name, route.method(name, getattr(usual, "__wrapped_by_tokenvault__", usual)))


class _Route:
    """One package whose calls are routed."""

    def __init__(self, package: ModuleType, base_url: str | None, ca_file: str | None) -> None:
        part = {
            name: importlib.import_module(f"{package.__name__}.{name}")
            for name in ("api_client", "api_response", "exceptions", "models", "rest")
        }
        self.cashfree: Any = part["api_client"].Cashfree
        self._client: Any = part["api_client"].ApiClient
        self._models = part["models"]
        self._generation = int(package.__version__.partition(".")[0])
        self._dialect = Dialect(
            part["api_response"].ApiResponse, part["rest"].urllib3.HTTPHeaderDict, part["exceptions"]
        )
        self._base_url = base_url
        self._transport = manner.transport(ca_file)
        self._background = Background(_THREADS)

    def method(self, name: str, usual: Callable[..., Any]) -> Callable[..., Any]:
        """Gives what stands in the place of a method."""

        @wraps(usual)
        def routed(cashfree: object, *given: Any, **named: Any) -> Any:  # noqa: ANN401  # as the official one
            return self._call(cashfree, name, given, named)

        routed.__wrapped_by_tokenvault__ = usual  # type: ignore[attr-defined]
        return routed

    def _call(self, cashfree: object, name: str, given: tuple[Any, ...], named: Mapping[str, Any]) -> Any:  # noqa: ANN401
        version_first = self._generation <= _LAST_WITH_VERSION_ARGUMENT
        try:
            call = manner.asked(name, given, named, version_first=version_first)
        except TypeError as error:
            raise self._dialect.exceptions.ApiTypeError(str(error)) from None
        models = _OLDER_MODELS if version_first else _NEWER_MODELS
        work = partial(
            self._dialect.result,
            self._where(cashfree, call),
            call,
            manner.DOCUMENTED_VERSION if version_first else getattr(cashfree, "XApiVersion", None),
            getattr(self._models, models[name]).from_dict,
        )
        return self._background.begin(work) if call.options.get("async_req") else work()

    def _where(self, cashfree: object, call: manner.Asked) -> manner.Where:
        try:
            return manner.Where(
                base_url=manner.base_url(cashfree, self._base_url),
                sign_in=manner.signed_in(cashfree, call.options.get("_request_auth")),
                transport=self._transport,
                headers=(*self._client.get_default().default_headers.items(), _PLATFORM),
            )
        except UsageError as error:
            raise self._dialect.exception(error) from error
