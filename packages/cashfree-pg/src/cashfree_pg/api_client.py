"""`Cashfree`: the methods of the Token Vault API, with the signatures of 4.x, 5.x and 6.x."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn, Unpack, overload

from cashfree_pg._api_client import ApiClient
from cashfree_pg._calls import call
from cashfree_pg._options import Options
from cashfree_pg._order_methods import OrderMethods
from cashfree_pg._refund_methods import RefundMethods
from cashfree_pg._webhooks import Delivery, PGWebhookEvent
from cashfree_pg.api_response import ApiResponse
from cashfree_pg.exceptions import ApiAttributeError
from cashfree_pg.models import CryptogramEntity, InstrumentEntity
from tokenvault_client.integration import Secret, hides_locals
from tokenvault_contract.versions import LATEST

if TYPE_CHECKING:
    from multiprocessing.pool import AsyncResult

_SECRETS: Final = frozenset({"XClientSecret", "XPartnerKey", "XClientSignature"})

__all__ = ["ApiClient", "CFEnvironment", "Cashfree", "PGWebhookEvent"]


class CFEnvironment(Enum):
    """The hosts of Cashfree."""

    SANDBOX = 1
    PRODUCTION = 2


class Cashfree(OrderMethods, RefundMethods):
    """The Token Vault API of Cashfree or of your own vault, and the calls that save a card with a payment.

    An object without arguments reads its settings from the class, and its methods take `x_api_version` first (4.x). An
    object with arguments reads only the missing settings from the class, and its methods take the version first (5.x)
    or not at all (6.x). A call uses the settings of the moment at which it is made. Threads may share an object.
    """

    XClientId: str | None = None
    XClientSecret: str | None = None
    XPartnerKey: str | None = None
    XClientSignature: str | None = None
    XPartnerMerchantId: str | None = None
    XEnvironment: CFEnvironment = CFEnvironment.SANDBOX

    XBaseUrl: str | None = None
    """The address of your own vault, ending in `/pg`. `CASHFREE_BASE_URL` has the same effect."""
    XApiVersion: str = LATEST
    """The version of calls that name none. Calls in the style of 4.x use the documented default instead."""

    is_configured_on_class: bool = True

    XProduction = Production = PRODUCTION = CFEnvironment.PRODUCTION
    XSandbox = Sandbox = SANDBOX = CFEnvironment.SANDBOX

    @hides_locals
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
        settings = {
            "XEnvironment": XEnvironment,
            "XClientId": XClientId,
            "XClientSecret": XClientSecret,
            "XPartnerKey": XPartnerKey,
            "XClientSignature": XClientSignature,
            "XPartnerMerchantId": XPartnerMerchantId,
            "XBaseUrl": XBaseUrl,
        }
        # Other settings stay attributes of the class, where they can still change.
        for name, value in settings.items():
            if value:
                setattr(self, name, value)
        self.is_configured_on_class = not any(settings.values())

    if not TYPE_CHECKING:

        def __setattr__(self, name: str, value: object) -> None:
            """Store a secret so that `vars`, a pickle or an error report does not show it."""
            hidden = name in _SECRETS and value is not None
            object.__setattr__(self, name, Secret(value) if hidden else value)

        def __getattribute__(self, name: str) -> object:
            value = object.__getattribute__(self, name)
            return value.reveal() if isinstance(value, Secret) else value

    def __repr__(self) -> str:
        """Show the environment, but no credentials."""
        return f"<Cashfree {self.XBaseUrl or self.XEnvironment}>"

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            """Report a missing name: the official object has a hundred further methods."""
            raise ApiAttributeError(f"{name} is not here: this package has saved cards, orders and refunds only")

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

    @hides_locals
    def PGCustomerDeleteInstrument(self, *positional: Any, **named: Any) -> Any:
        """Delete a saved card and return what remains of it."""
        return call(self, "PGCustomerDeleteInstrument", positional, named)

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

    @hides_locals
    def PGCustomerFetchInstrument(self, *positional: Any, **named: Any) -> Any:
        """Return one saved card of a customer."""
        return call(self, "PGCustomerFetchInstrument", positional, named)

    @overload
    def PGCustomerFetchInstruments(
        self,
        x_api_version: str,
        customer_id: str,
        instrument_type: str = "card",
        x_request_id: str | None = None,
        x_idempotency_key: str | None = None,
        **options: Unpack[Options],
    ) -> ApiResponse[list[InstrumentEntity]]: ...

    @overload
    def PGCustomerFetchInstruments(
        self,
        customer_id: str,
        instrument_type: str = "card",
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

    @hides_locals
    def PGCustomerFetchInstruments(self, *positional: Any, **named: Any) -> Any:
        """Return all saved cards of a customer, oldest first. An unknown customer has none."""
        return call(self, "PGCustomerFetchInstruments", positional, named)

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

    @hides_locals
    def PGCustomerInstrumentsFetchCryptogram(self, *positional: Any, **named: Any) -> Any:
        """Return the network token of a saved card, with a new cryptogram for one payment."""
        return call(self, "PGCustomerInstrumentsFetchCryptogram", positional, named)

    @hides_locals
    def PGVerifyWebhookSignature(
        self, signature: str, rawBody: str | bytes, timestamp: str, *, tolerance: float | None = None
    ) -> PGWebhookEvent:
        """Verify that Cashfree, or your vault, sent a webhook delivery, and return its event.

        Args:
            signature: The `x-webhook-signature` header.
            rawBody: The body, byte for byte as it arrived.
            timestamp: The `x-webhook-timestamp` header.
            tolerance: The maximal age in seconds. Without it, any age is accepted, as in the official package.

        Raises:
            ApiValueError: The delivery is not signed with the client secret or the partner key, or is too old.
        """
        secrets = [secret for secret in (self.XClientSecret, self.XPartnerKey) if secret]
        return Delivery(signature, rawBody, timestamp).verify(secrets, tolerance)
