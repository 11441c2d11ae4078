"""Uses of the drop-in for the type checker. They are checked, but never run."""

from __future__ import annotations

from multiprocessing.pool import AsyncResult
from typing import assert_type

import cashfree_pg
from cashfree_pg import ApiResponse, Cashfree, CFEnvironment
from cashfree_pg.models.cryptogram_entity import CryptogramEntity
from cashfree_pg.models.instrument_entity import InstrumentEntity
from cashfree_pg.rest import ApiException

Cashfree.XClientId = "id"
Cashfree.XClientSecret = "secret"
Cashfree.XEnvironment = Cashfree.Sandbox
Cashfree.XBaseUrl = "https://vault.test/pg"


def as_in_4_x(x_request_id: str | None, x_idempotency_key: str | None) -> None:
    fetched = Cashfree().PGCustomerFetchInstrument(
        "2022-09-01", "asha", "i1", x_request_id=x_request_id, x_idempotency_key=x_idempotency_key
    )
    assert_type(fetched, ApiResponse[InstrumentEntity])
    listed = Cashfree().PGCustomerFetchInstruments("2022-09-01", "asha", "card", x_request_id=x_request_id)
    assert_type(listed.data, list[InstrumentEntity])


def as_in_5_x() -> None:
    api = Cashfree(XEnvironment=CFEnvironment.SANDBOX, XClientId="id", XClientSecret="secret")
    assert_type(api.PGCustomerDeleteInstrument("2023-08-01", "asha", "i1").data.instrument_status, str | None)


def as_in_6_x() -> None:
    api = cashfree_pg.Cashfree(Cashfree.SANDBOX, "id", "secret", XBaseUrl="https://vault.test/pg")
    assert_type(api.PGCustomerInstrumentsFetchCryptogram("asha", "i1"), ApiResponse[CryptogramEntity])
    assert_type(api.PGCustomerFetchInstrument("asha", "i1", _request_timeout=(1, 2)).status_code, int)
    assert_type(api.PGCustomerFetchInstrument(customer_id="asha", instrument_id="i1").data, InstrumentEntity)
    result = api.PGCustomerFetchInstruments("asha", "card", async_req=True)
    assert_type(result, AsyncResult[ApiResponse[list[InstrumentEntity]]])
    assert_type(api.PGCustomerFetchInstrument("asha", "i1", _return_http_data_only=True), InstrumentEntity)


def failed(error: ApiException) -> None:
    assert_type((error.status, error.reason), tuple[int | None, str | None])


# These must be rejected: the type checker reports an ignore comment without an error.
Cashfree(Cashfree.SANDBOX, client_id="id")  # type: ignore[call-arg]
Cashfree().PGCustomerFetchInstrument("asha")  # type: ignore[call-overload]
Cashfree().PGCustomerFetchInstrument("asha", 5)  # type: ignore[call-overload]
Cashfree().PGCustomerFetchInstrument("asha", "i1", colour="blue")  # type: ignore[call-overload]
Cashfree().PGCreateLink("2023-08-01")  # type: ignore[attr-defined]
