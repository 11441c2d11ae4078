"""A program that makes calls with the official SDK, routed through the client, and prints the results as JSON.

It runs inside the environment of the SDK.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

from tokenvault_client.cashfree import route_token_vault

settings = json.load(sys.stdin)
cashfree_pg = importlib.import_module("cashfree_pg")
api_client: Any = importlib.import_module("cashfree_pg.api_client")
exceptions: Any = importlib.import_module("cashfree_pg.exceptions")
Cashfree = api_client.Cashfree
GENERATION = int(vars(cashfree_pg)["__version__"][0])
VERSION = ["2023-08-01"] if GENERATION < 6 else []
OTHERS = vars(Cashfree)["PGCreateOrder"]


def create_cashfree(**credentials: str) -> Any:
    """Return the object with which to make calls."""
    if GENERATION > 4:
        return Cashfree(Cashfree.SANDBOX, **credentials)
    for name, value in credentials.items():
        setattr(Cashfree, name, value)
    return Cashfree()


def result(call: Callable[[], Any]) -> dict[str, Any]:
    """Return the result or the exception of a call, as plain values."""
    try:
        response = call()
    except exceptions.OpenApiException as error:
        names = ("status", "reason", "body")
        return {"raised": type(error).__name__} | {name: getattr(error, name, None) for name in names}
    data = response.data[0] if isinstance(response.data, list) else response.data
    return {
        "class": f"{type(data).__module__}.{type(data).__name__}",
        "status": response.status_code,
        "upper_case_header": response.headers["CONTENT-TYPE"],
        "fields": data.to_dict() if data else None,
        "raw": type(response.raw_data).__name__,
    }


def main() -> None:
    """Make each call once."""
    route_token_vault(cashfree_pg, base_url=settings["closed_port"])
    merchant = create_cashfree(XClientId=settings["client_id"], XClientSecret=settings["client_secret"])
    arguments = [*VERSION, settings["customer"], settings["instrument"]]
    unreachable = result(lambda: merchant.PGCustomerFetchInstrument(*arguments))
    route_token_vault(cashfree_pg, base_url=settings["base_url"])
    results = {
        "unreachable": unreachable,
        "listed": result(lambda: merchant.PGCustomerFetchInstruments(*VERSION, settings["customer"], "card")),
        "fetched": result(lambda: merchant.PGCustomerFetchInstrument(*arguments, x_request_id="r1")),
        "async": result(lambda: merchant.PGCustomerFetchInstrument(*arguments, async_req=True).get(10)),
        "raw": result(lambda: merchant.PGCustomerFetchInstrument(*arguments, _preload_content=False)),
        "cryptogram": result(lambda: merchant.PGCustomerInstrumentsFetchCryptogram(*arguments)),
        "deleted": result(lambda: merchant.PGCustomerDeleteInstrument(*arguments)),
        "deleted_before": result(lambda: merchant.PGCustomerFetchInstrument(*arguments)),
        "dots": result(lambda: merchant.PGCustomerDeleteInstrument(*VERSION, "..", settings["instrument"])),
        "unknown_keyword": result(lambda: merchant.PGCustomerFetchInstrument(*arguments, colour="blue")),
    }
    partner = create_cashfree(
        XClientId="", XClientSecret="", XPartnerKey=settings["key"], XPartnerMerchantId=settings["merchant"]
    )
    results["partner"] = result(lambda: partner.PGCustomerFetchInstruments(*VERSION, settings["customer"], "bank"))
    results["others"] = {"untouched": vars(Cashfree)["PGCreateOrder"] is OTHERS}
    json.dump(results, sys.stdout)


if __name__ == "__main__":
    main()
