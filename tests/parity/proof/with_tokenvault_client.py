"""The programs of `with_cashfree_pg`, written with `tokenvault_client`."""

import asyncio
import os
import sys
import threading

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tokenvault_client import AsyncClient, Client

MERCHANTS = 4


def prepare() -> None:
    """Do nothing: each client reads `BASE_URL` itself."""


def fetch() -> None:
    merchant(0).fetch_instrument("c0", "i1")


def fetch_all() -> None:
    merchant(0).fetch_instruments("c0")


def delete() -> None:
    merchant(0).delete_instrument("c0", "i1")


def delete_of_dots() -> None:
    merchant(0).delete_instrument("..", "i1")


def as_partner() -> None:
    with Client(base_url=os.environ["BASE_URL"], partner_merchant_id="merchant", partner_api_key="key") as vault:
        vault.fetch_instrument("c0", "i1")


def signed() -> None:
    key = rsa.generate_private_key(65537, 2048).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with Client(base_url=os.environ["BASE_URL"], client_id="id-0", client_public_key=pem) as vault:
        vault.fetch_instrument("c0", "i1")


def threads() -> None:
    """Make calls for four merchants in four threads, which switch as often as possible, as on a busy machine."""
    default = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    def calls(number: int) -> None:
        client = merchant(number)
        for _ in range(400):
            client.fetch_instrument(f"c{number}", "i1")

    running = [threading.Thread(target=calls, args=(number,)) for number in range(MERCHANTS)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    sys.setswitchinterval(default)


def in_background() -> None:
    """Make calls for four merchants in tasks."""

    async def all_calls() -> None:
        vaults = [
            AsyncClient(base_url=os.environ["BASE_URL"], client_id=f"id-{number}", client_secret=f"secret-{number}")
            for number in range(MERCHANTS)
        ]
        calls = [vault.fetch_instrument(f"c{number}", "i1") for _ in range(50) for number, vault in enumerate(vaults)]
        await asyncio.gather(*calls)
        await asyncio.gather(*(vault.close() for vault in vaults))

    asyncio.run(all_calls())


def merchant(number: int) -> Client:
    return Client(base_url=os.environ["BASE_URL"], client_id=f"id-{number}", client_secret=f"secret-{number}")
