"""Programs of merchants with `import cashfree_pg`, for the official SDK and for the drop-in.

There is one function for each kind of call that a defect affects. `program.py` runs them.
"""

import os
import sys
import threading
from typing import Any

from cashfree_pg.api_client import Cashfree
from cashfree_pg.configuration import Configuration

MERCHANTS = 4


def fetch() -> None:
    merchant(0).PGCustomerFetchInstrument("c0", "i1")


def fetch_all() -> None:
    merchant(0).PGCustomerFetchInstruments("c0", "card")


def delete() -> None:
    merchant(0).PGCustomerDeleteInstrument("c0", "i1")


def delete_of_dots() -> None:
    merchant(0).PGCustomerDeleteInstrument("..", "i1")


def as_partner() -> None:
    api = Cashfree(Cashfree.SANDBOX, XPartnerMerchantId="merchant", XPartnerKey="key")
    api.PGCustomerFetchInstrument("c0", "i1")


def signed() -> None:
    api = Cashfree(Cashfree.SANDBOX, XClientId="id-0", XClientSignature="a signature")
    api.PGCustomerFetchInstrument("c0", "i1")


def threads() -> None:
    """Make calls for four merchants in four threads, which switch as often as possible, as on a busy machine."""
    default = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def calls(number: int) -> None:
        api = merchant(number)
        for _ in range(400):
            api.PGCustomerFetchInstrument(f"c{number}", "i1")

    running = [threading.Thread(target=calls, args=(number,)) for number in range(MERCHANTS)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    sys.setswitchinterval(default)


def in_background() -> None:
    """Make calls for four merchants with `async_req`."""
    apis = [merchant(number) for number in range(MERCHANTS)]
    results = [
        api.PGCustomerFetchInstrument(f"c{number}", "i1", async_req=True)
        for _ in range(50)
        for number, api in enumerate(apis)
    ]
    for result in results:
        result.get()


def merchant(number: int) -> Cashfree:
    return Cashfree(Cashfree.SANDBOX, XClientId=f"id-{number}", XClientSecret=f"secret-{number}")


def prepare() -> None:
    """Send all calls to `BASE_URL`. The drop-in has a setting for it, the official SDK has fixed hosts."""
    base_url = os.environ["BASE_URL"]
    if hasattr(Cashfree, "XBaseUrl"):
        Cashfree.XBaseUrl = base_url
        return
    configuration: Any = Configuration
    configuration.host = property(lambda _: base_url, lambda _, __: None)
