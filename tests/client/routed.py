"""Makes calls with the official SDK, its Token Vault methods routed through our client; prints what came, as JSON.

Runs inside the environment of the SDK.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

from tokenvault_client.cashfree import route_token_vault

told = json.load(sys.stdin)
cashfree_pg = importlib.import_module("cashfree_pg")
api_client: Any = importlib.import_module("cashfree_pg.api_client")
exceptions: Any = importlib.import_module("cashfree_pg.exceptions")
Cashfree = api_client.Cashfree
GENERATION = int(vars(cashfree_pg)["__version__"][0])
VERSION = ["2023-08-01"] if GENERATION < 6 else []
OTHERS = vars(Cashfree)["PGCreateOrder"]


def made(**credentials: str) -> Any:
    """Gives the object that calls are made with."""
    if GENERATION > 4:
        return Cashfree(Cashfree.SANDBOX, **credentials)
    for name, value in credentials.items():
        setattr(Cashfree, name, value)
    return Cashfree()


def seen(call: Callable[[], Any]) -> dict[str, Any]:
    """Gives what a call gave or raised, in plain values."""
    try:
        response = call()
    except exceptions.OpenApiException as error:
        names = ("status", "reason", "body")
        return {"raised": type(error).__name__} | {name: getattr(error, name, None) for name in names}
    data = response.data[0] if isinstance(response.data, list) else response.data
    return {
        "class": f"{type(data).__module__}.{type(data).__name__}",
        "status": response.status_code,
        "shouted": response.headers["CONTENT-TYPE"],
        "fields": data.to_dict() if data else None,
        "raw": type(response.raw_data).__name__,
    }


def main() -> None:
    """Makes each call once."""
    route_token_vault(cashfree_pg, base_url=told["nobody"])
    merchant = made(XClientId=told["client_id"], XClientSecret=told["client_secret"])
    which = [*VERSION, told["customer"], told["instrument"]]
    unreachable = seen(lambda: merchant.PGCustomerFetchInstrument(*which))
    route_token_vault(cashfree_pg, base_url=told["base_url"])
    came = {
        "unreachable": unreachable,
        "listed": seen(lambda: merchant.PGCustomerFetchInstruments(*VERSION, told["customer"], "card")),
        "fetched": seen(lambda: merchant.PGCustomerFetchInstrument(*which, x_request_id="r1")),
        "later": seen(lambda: merchant.PGCustomerFetchInstrument(*which, async_req=True).get(10)),
        "raw": seen(lambda: merchant.PGCustomerFetchInstrument(*which, _preload_content=False)),
        "cryptogram": seen(lambda: merchant.PGCustomerInstrumentsFetchCryptogram(*which)),
        "deleted": seen(lambda: merchant.PGCustomerDeleteInstrument(*which)),
        "gone": seen(lambda: merchant.PGCustomerFetchInstrument(*which)),
        "dots": seen(lambda: merchant.PGCustomerDeleteInstrument(*VERSION, "..", told["instrument"])),
        "odd": seen(lambda: merchant.PGCustomerFetchInstrument(*which, colour="blue")),
    }
    partner = made(XClientId="", XClientSecret="", XPartnerKey=told["key"], XPartnerMerchantId=told["merchant"])
    came["partner"] = seen(lambda: partner.PGCustomerFetchInstruments(*VERSION, told["customer"], "bank"))
    came["others"] = {"untouched": vars(Cashfree)["PGCreateOrder"] is OTHERS}
    json.dump(came, sys.stdout)


if __name__ == "__main__":
    main()
