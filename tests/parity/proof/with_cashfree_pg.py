"""What merchants write with `import cashfree_pg`: run with the official SDK in its environment, and with ours in ours.

One function for each way of calling that a defect shows in; `program.py` runs one of them.
"""

import os
import sys
import threading
from typing import Any

from cashfree_pg.api_client import Cashfree
from cashfree_pg.configuration import Configuration

TENANTS = 4


def fetch() -> None:
    tenant(0).PGCustomerFetchInstrument("c0", "i1")


def fetch_all() -> None:
    tenant(0).PGCustomerFetchInstruments("c0", "card")


def delete() -> None:
    tenant(0).PGCustomerDeleteInstrument("c0", "i1")


def delete_of_dots() -> None:
    tenant(0).PGCustomerDeleteInstrument("..", "i1")


def as_partner() -> None:
    api = Cashfree(Cashfree.SANDBOX, XPartnerMerchantId="merchant", XPartnerKey="key")
    api.PGCustomerFetchInstrument("c0", "i1")


def signed() -> None:
    api = Cashfree(Cashfree.SANDBOX, XClientId="id-0", XClientSignature="a signature")
    api.PGCustomerFetchInstrument("c0", "i1")


def threads() -> None:
    """Four merchants in four threads that take turns as often as they can, as on a busy machine."""
    sys.setswitchinterval(1e-6)

    def calls(number: int) -> None:
        api = tenant(number)
        for _ in range(400):
            api.PGCustomerFetchInstrument(f"c{number}", "i1")

    running = [threading.Thread(target=calls, args=(number,)) for number in range(TENANTS)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def in_background() -> None:
    """Four merchants whose calls are made with `async_req`."""
    apis = [tenant(number) for number in range(TENANTS)]
    results = [
        api.PGCustomerFetchInstrument(f"c{number}", "i1", async_req=True)
        for _ in range(50)
        for number, api in enumerate(apis)
    ]
    for result in results:
        result.get()


def tenant(number: int) -> Cashfree:
    return Cashfree(Cashfree.SANDBOX, XClientId=f"id-{number}", XClientSecret=f"secret-{number}")


def point_at(base_url: str) -> None:
    """Sends the SDK to `base_url`: ours can be told, the official one has its hosts built in."""
    if hasattr(Cashfree, "XBaseUrl"):
        Cashfree.XBaseUrl = base_url
        return
    theirs: Any = Configuration
    theirs.host = property(lambda _: base_url, lambda _, __: None)


point_at(os.environ["BASE_URL"])
