"""`Cashfree`: the four methods of the Token Vault API, called as in 4.x, 5.x or 6.x of the official package."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypedDict, Unpack, overload

from cashfree_pg._calls import call
from cashfree_pg._shared import ApiClient
from cashfree_pg._webhooks import Notification, PGWebhookEvent
from cashfree_pg.api_response import ApiResponse
from cashfree_pg.exceptions import ApiAttributeError
from cashfree_pg.models import CryptogramEntity, InstrumentEntity
from tokenvault_contract.versions import LATEST

if TYPE_CHECKING:
    from multiprocessing.pool import AsyncResult

__all__ = ["ApiClient", "CFEnvironment", "Cashfree", "PGWebhookEvent"]


class CFEnvironment(Enum):
    """Which of Cashfree's hosts."""

    SANDBOX = 1
    PRODUCTION = 2


class Options(TypedDict, total=False):
    """What a call may say beside its arguments."""

    _request_timeout: float | tuple[float, float] | None
    """Seconds for the whole call; of a pair, the sum."""
    _headers: dict[str, str]
    _preload_content: bool
    """False: `data` is None, and `raw_data` the bytes as they came."""
    _request_auth: dict[str, str]
    """One header in the place of all credentials: `{"in": "header", "key": ..., "value": ...}`."""
    _content_type: str
    """Nothing: these calls have no body."""


class Cashfree:
    """The Token Vault API of Cashfree, or of a vault of yours.

    Made without arguments, it reads its settings from the class, and its methods take `x_api_version` first (4.x). Made
    with arguments, settings that it lacks are those of the class, and the version may be given (5.x) or not (6.x).
    A call uses what is set when it is made; threads may share an object.
    """

    XClientId: str | None = None
    XClientSecret: str | None = None
    XPartnerKey: str | None = None
    XClientSignature: str | None = None
    XPartnerMerchantId: str | None = None
    XEnvironment: CFEnvironment = CFEnvironment.SANDBOX

    XBaseUrl: str | None = None
    """Where a vault of yours answers, ending in `/pg`; `CASHFREE_BASE_URL` does the same."""
    XApiVersion: str = LATEST
    """The version of calls that name none; but for 4.x's it is what the document says."""

    is_configured_on_class: bool = True

    XProduction = Production = PRODUCTION = CFEnvironment.PRODUCTION
    XSandbox = Sandbox = SANDBOX = CFEnvironment.SANDBOX

    def __init__(
        self,
        XEnvironment: CFEnvironment | None = None,
        XClientId: str | None = None,
        XClientSecret: str | None = None,
        XPartnerKey: str | None = None,
        XClientSignature: str | None = None,
        XPartnerMerchantId: str | None = None,
        *,
        XBaseUrl: str | None = None,
    ) -> None:
        given = {
            "XEnvironment": XEnvironment,
            "XClientId": XClientId,
            "XClientSecret": XClientSecret,
            "XPartnerKey": XPartnerKey,
            "XClientSignature": XClientSignature,
            "XPartnerMerchantId": XPartnerMerchantId,
            "XBaseUrl": XBaseUrl,
        }
        # What is not given stays an attribute of the class, where it can still change.
        self.__dict__.update({name: value for name, value in given.items() if value})
        self.is_configured_on_class = not any(given.values())

    def __repr__(self) -> str:
        """Show the environment, never who."""
        return f"<Cashfree {self.XBaseUrl or self.XEnvironment}>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            """Say what is not here: the official object has a hundred methods more."""
            raise ApiAttributeError(f"{name} is not a part of the Token Vault API, which is all that this package has")

    @overload
    def PGCustomerDeleteInstrument(
        self,
        x_api_version: str,
        customer_id: str,
        instrument_id: str,
        x_request_id: str | None = None,
        x_idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> ApiResponse[InstrumentEntity]: ...

    @overload
    def PGCustomerDeleteInstrument(
        self,
        customer_id: str,
        instrument_id: str,
        x_request_id: str | None = None,
        x_idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> ApiResponse[InstrumentEntity]: ...

    @overload
    def PGCustomerDeleteInstrument(
        self, *arguments: str, async_req: Literal[True], **named: object
    ) -> AsyncResult[ApiResponse[InstrumentEntity]]: ...

    @overload
    def PGCustomerDeleteInstrument(
        self, *arguments: str, _return_http_data_only: Literal[True], async_req: Literal[False] = False, **named: object
    ) -> InstrumentEntity: ...

    def PGCustomerDeleteInstrument(self, *given: Any, **named: Any) -> Any:
        """Deletes a saved card and gives what is left of it."""
        return call(self, "PGCustomerDeleteInstrument", given, named)

    @overload
    def PGCustomerFetchInstrument(
        self,
        x_api_version: str,
        customer_id: str,
        instrument_id: str,
        x_request_id: str | None = None,
        x_idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> ApiResponse[InstrumentEntity]: ...

    @overload
    def PGCustomerFetchInstrument(
        self,
        customer_id: str,
        instrument_id: str,
        x_request_id: str | None = None,
        x_idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> ApiResponse[InstrumentEntity]: ...

    @overload
    def PGCustomerFetchInstrument(
        self, *arguments: str, async_req: Literal[True], **named: object
    ) -> AsyncResult[ApiResponse[InstrumentEntity]]: ...

    @overload
    def PGCustomerFetchInstrument(
        self, *arguments: str, _return_http_data_only: Literal[True], async_req: Literal[False] = False, **named: object
    ) -> InstrumentEntity: ...

    def PGCustomerFetchInstrument(self, *given: Any, **named: Any) -> Any:
        """Gives one saved card of a customer."""
        return call(self, "PGCustomerFetchInstrument", given, named)

    @overload
    def PGCustomerFetchInstruments(
        self,
        x_api_version: str,
        customer_id: str,
        instrument_type: str,
        x_request_id: str | None = None,
        x_idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> ApiResponse[list[InstrumentEntity]]: ...

    @overload
    def PGCustomerFetchInstruments(
        self,
        customer_id: str,
        instrument_type: str,
        x_request_id: str | None = None,
        x_idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> ApiResponse[list[InstrumentEntity]]: ...

    @overload
    def PGCustomerFetchInstruments(
        self, *arguments: str, async_req: Literal[True], **named: object
    ) -> AsyncResult[ApiResponse[list[InstrumentEntity]]]: ...

    @overload
    def PGCustomerFetchInstruments(
        self, *arguments: str, _return_http_data_only: Literal[True], async_req: Literal[False] = False, **named: object
    ) -> list[InstrumentEntity]: ...

    def PGCustomerFetchInstruments(self, *given: Any, **named: Any) -> Any:
        """Gives all saved cards of a customer, oldest first. A customer who is not known has none."""
        return call(self, "PGCustomerFetchInstruments", given, named)

    @overload
    def PGCustomerInstrumentsFetchCryptogram(
        self,
        x_api_version: str,
        customer_id: str,
        instrument_id: str,
        x_request_id: str | None = None,
        x_idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> ApiResponse[CryptogramEntity]: ...

    @overload
    def PGCustomerInstrumentsFetchCryptogram(
        self,
        customer_id: str,
        instrument_id: str,
        x_request_id: str | None = None,
        x_idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> ApiResponse[CryptogramEntity]: ...

    @overload
    def PGCustomerInstrumentsFetchCryptogram(
        self, *arguments: str, async_req: Literal[True], **named: object
    ) -> AsyncResult[ApiResponse[CryptogramEntity]]: ...

    @overload
    def PGCustomerInstrumentsFetchCryptogram(
        self, *arguments: str, _return_http_data_only: Literal[True], async_req: Literal[False] = False, **named: object
    ) -> CryptogramEntity: ...

    def PGCustomerInstrumentsFetchCryptogram(self, *given: Any, **named: Any) -> Any:
        """Gives the network token of a saved card, with a fresh cryptogram for one payment."""
        return call(self, "PGCustomerInstrumentsFetchCryptogram", given, named)

    def PGVerifyWebhookSignature(
        self, signature: str, rawBody: str | bytes, timestamp: str, *, tolerance: float | None = None
    ) -> PGWebhookEvent:
        """Gives the event of a notification, once it is certain that Cashfree, or your vault, sent it.

        The body must be what came, byte for byte. `tolerance` is how many seconds ago it may have been sent; without
        one it is accepted at any age, as in the official package.

        Raises:
            ApiValueError: It is not signed with the client secret or the partner key, too old, or not an event.
        """
        secrets = [secret for secret in (self.XClientSecret, self.XPartnerKey) if secret]
        return Notification(signature, rawBody, timestamp).verified(secrets, tolerance)
