"""A real local token service on a real database, with a clock that tests move, and methods that are not coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.support.clock import NOW as PRESENT
from tests.support.clock import SettableClock
from tokenvault_server.bootstrap import open_engine
from tokenvault_server.database.key_table import KeyTable, add_keys
from tokenvault_server.database.queries import Statement, parse
from tokenvault_server.domain.card import Expiry, Pan
from tokenvault_server.domain.identifiers import CustomerId, MerchantId
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.domain.secret import Secret
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.keys.providers.file import FileKek, create_key_file
from tokenvault_server.settings import Settings
from tokenvault_server.tsp.events import TokenStatus
from tokenvault_server.tsp.local.issuer import LocalTokenService
from tokenvault_server.tsp.local.policy import IssuerPolicy
from tokenvault_server.tsp.local.setup import initialise, open_local_token_service
from tokenvault_server.tsp.local.verification import Outcome, Presentation
from tokenvault_server.tsp.provider import (
    CardDetails,
    Cryptogram,
    CryptogramContext,
    Evidence,
    LifecycleAction,
    LifecycleResult,
    ProvisionRequest,
    TokenGrant,
    TokenKey,
)

NOW = PRESENT
FrozenClock = SettableClock
T = TypeVar("T")

VISA = "4706131211212123"
MERCHANT = MerchantId("mer_one")
CUSTOMER = CustomerId("customer-1")

_FIXTURES = parse("""
-- set_counter --
UPDATE tokens SET psn = :psn, atc = :atc WHERE token_reference = :token_reference;
-- set_sealed --
UPDATE tokens SET sealed = :sealed WHERE token_reference = :token_reference;
-- sealed_of --
SELECT sealed FROM tokens WHERE token_reference = :token_reference;
-- count_presented --
SELECT COUNT(*) FROM presented;
""")


def a_request(
    pan: str = VISA,
    *,
    merchant_id: str = MERCHANT,
    customer_id: str = CUSTOMER,
    expiry: Expiry = Expiry(2028, 3),  # noqa: B008  # frozen
) -> ProvisionRequest:
    card = CardDetails(Pan(pan), expiry, Secret("Asha Rao"))
    return ProvisionRequest(card, MerchantId(merchant_id), CustomerId(customer_id), Evidence("740324562", NOW, "v1"))


def key(reference: TokenReference, merchant_id: str = MERCHANT) -> TokenKey:
    return TokenKey(MerchantId(merchant_id), reference)


def presenting(cryptogram: Cryptogram, *, merchant_id: str = MERCHANT) -> Presentation:
    """Return everything that a merchant can present with a cryptogram."""
    return Presentation(cryptogram.token_pan, cryptogram.value, merchant_id, cryptogram.token_expiry, cryptogram.trid)


@dataclass
class Environment:
    """One token service with its database, keys and clock."""

    folder: Path
    store: str = ""
    policy: IssuerPolicy = field(default_factory=IssuerPolicy)
    clock: FrozenClock = field(default_factory=FrozenClock)

    def __post_init__(self) -> None:
        self._runner = asyncio.Runner()
        create_key_file(self.folder / "master.key")
        self.kek = FileKek(self.folder / "master.key")
        url = self.store or f"sqlite:///{self.folder / 'tsp.db'}"
        self.engine = self.run(open_engine(url, new=True, password=None, settings=Settings()))
        self.service = self.run(self.opened())

    async def opened(self) -> LocalTokenService:
        """Initialise the service if necessary, and open it, as every start does."""
        vault_id = await initialise(self.engine, self.kek, self.clock)
        self.keyring = Keyring(self.kek, KeyTable(self.engine), vault_id)
        return await open_local_token_service(self.engine, self.keyring, self.clock, self.policy)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def close(self) -> None:
        self.run(self.service.close())
        self._runner.close()

    def provision(self, request: ProvisionRequest | None = None) -> TokenGrant:
        return self.run(self.service.provision(request or a_request()))

    def cryptogram(self, reference: TokenReference, context: CryptogramContext | None = None) -> Cryptogram:
        return self.run(self.service.cryptogram(key(reference), context or CryptogramContext()))

    def lifecycle(self, reference: TokenReference, action: LifecycleAction) -> LifecycleResult:
        return self.run(self.service.lifecycle(key(reference), action, "the customer asked"))

    def status(self, reference: TokenReference) -> TokenStatus:
        return self.run(self.service.get(key(reference))).status

    def verify(self, presentation: Presentation) -> Outcome:
        return self.run(self.service.verify(presentation))

    def set_counter(self, reference: TokenReference, psn: int, atc: int) -> None:
        self.write(_FIXTURES["set_counter"](token_reference=reference, psn=psn, atc=atc))

    def sealed_of(self, reference: TokenReference) -> bytes:
        rows = self.run(self.engine.read(_FIXTURES["sealed_of"](token_reference=reference)))
        return bytes(rows[0][0])

    def set_sealed(self, reference: TokenReference, sealed: bytes) -> None:
        self.write(_FIXTURES["set_sealed"](token_reference=reference, sealed=sealed))

    def count_presented(self) -> int:
        return int(self.run(self.engine.read(_FIXTURES["count_presented"]()))[0][0])

    def add_issuer_key(self, network: str, version: int) -> None:
        """Add a newer issuer master key."""
        key = self.run(self.keyring.make(Purpose.ISSUER_MASTER, network, version=version, now=self.clock.now()))
        self.run(self.engine.commit(lambda: add_keys([key])))
        self.keyring.clear()

    def write(self, statement: Statement) -> None:
        def body() -> Any:
            return (yield statement)

        self.run(self.engine.commit(body))
