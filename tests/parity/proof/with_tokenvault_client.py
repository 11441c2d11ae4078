"""The same ways of calling as in `with_cashfree_pg`, written with `tokenvault_client`."""

import asyncio
import os
import sys
import threading

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tokenvault_client import AsyncClient, Client

BASE_URL = os.environ["BASE_URL"]
TENANTS = 4


def fetch() -> None:
    tenant(0).fetch_instrument("c0", "i1")


def fetch_all() -> None:
    tenant(0).fetch_instruments("c0")


def delete() -> None:
    tenant(0).delete_instrument("c0", "i1")


def delete_of_dots() -> None:
    tenant(0).delete_instrument("..", "i1")


def as_partner() -> None:
    with Client(base_url=BASE_URL, partner_merchant_id="merchant", partner_api_key="key") as vault:
        vault.fetch_instrument("c0", "i1")


def signed() -> None:
    key = rsa.generate_private_key(65537, 2048).public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with Client(base_url=BASE_URL, client_id="id-0", client_public_key=pem) as vault:
        vault.fetch_instrument("c0", "i1")


def threads() -> None:
    """Four merchants in four threads that take turns as often as they can, as on a busy machine."""
    sys.setswitchinterval(1e-6)

    def calls(number: int) -> None:
        vault = tenant(number)
        for _ in range(400):
            vault.fetch_instrument(f"c{number}", "i1")

    running = [threading.Thread(target=calls, args=(number,)) for number in range(TENANTS)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def in_background() -> None:
    """Four merchants whose calls are tasks."""

    async def everybody() -> None:
        vaults = [
            AsyncClient(base_url=BASE_URL, client_id=f"id-{number}", client_secret=f"secret-{number}")
            for number in range(TENANTS)
        ]
        calls = [vault.fetch_instrument(f"c{number}", "i1") for _ in range(50) for number, vault in enumerate(vaults)]
        await asyncio.gather(*calls)
        await asyncio.gather(*(vault.close() for vault in vaults))

    asyncio.run(everybody())


def tenant(number: int) -> Client:
    return Client(base_url=BASE_URL, client_id=f"id-{number}", client_secret=f"secret-{number}")
