"""Keeps orders: loads one, brings it to the present moment, and stores what a call made of it.

One call at a time works on an order, so that two calls cannot both act on one payment; the emulator is one process.
What time changed is stored before anything else happens, and every end of a payment or a refund causes its webhook
event once. The state is stored first: a crash between the two loses the event.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakValueDictionary

import msgspec

from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.clock import Clock
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.emulator.payments import states, store
from tokenvault_server.emulator.payments.errors import OrderNotFoundError
from tokenvault_server.emulator.payments.events import PaymentEvents
from tokenvault_server.emulator.payments.records import Order
from tokenvault_server.emulator.payments.store import OrderKey
from tokenvault_server.vault.record_sealer import RecordSealer

_RECORD_TYPE: Final = "emulated_order"
_BATCH: Final = 100

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Order).decode


class OpenOrder:
    """An order that one call works on."""

    def __init__(self, ledger: Ledger, key: OrderKey, order: Order, row_version: int) -> None:
        """Begin with the order as it is stored."""
        self._ledger = ledger
        self._key = key
        self._row_version = row_version
        self.order = order
        """The order as it was stored last."""

    async def put(self, order: Order, lookups: Sequence[str] = ()) -> Order:
        """Store what became of the order, send the events of what ended, and return it; without a change do nothing."""
        if order is not self.order and order != self.order:
            await self._ledger.replace(self._key, self._row_version, order, lookups)
            self._row_version += 1
            await self._ledger.events.of_change(self.order, order)
            self.order = order
        return order


class Ledger:
    """All orders of an emulator."""

    def __init__(self, engine: Engine, sealer: RecordSealer, events: PaymentEvents, clock: Clock) -> None:
        """Keep orders in `engine`, sealed by `sealer`."""
        self._engine = engine
        self._sealer = sealer
        self._clock = clock
        self._locks: WeakValueDictionary[OrderKey, asyncio.Lock] = WeakValueDictionary()
        self.events = events

    async def add(self, order: Order) -> None:
        """Store a new order.

        Raises:
            OrderExistsError: the merchant has an order with this id.
        """
        key = OrderKey(MerchantId(order.merchant_id), order.order_id)
        sealed = await self._seal(key, order)
        lookups = [store.session_lookup(order.session_id)]
        await self._engine.commit(lambda: store.insert(key, states.due_at(order), sealed, lookups))

    @asynccontextmanager
    async def open(self, key: OrderKey) -> AsyncIterator[OpenOrder]:
        """Hold an order, as it is at this moment, until the block ends.

        Raises:
            OrderNotFoundError: the merchant has no such order.
        """
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        async with lock:
            row = await store.load(self._engine, key)
            if row is None:
                raise OrderNotFoundError
            order = _decode(await self._sealer.open_octets(key.merchant_id, _RECORD_TYPE, key.order_id, row.sealed))
            opened = OpenOrder(self, key, order, row.row_version)
            await opened.put(states.advance(order, self._clock.now()))
            yield opened

    async def load(self, merchant_id: MerchantId, order_id: str) -> Order:
        """Return an order as it is at this moment.

        Raises:
            OrderNotFoundError: the merchant has no such order.
        """
        async with self.open(OrderKey(merchant_id, order_id)) as opened:
            return opened.order

    async def find(self, lookup_key: str) -> OrderKey | None:
        """Return the order that a lookup key stands for, or None."""
        return await store.find(self._engine, lookup_key)

    async def replace(self, key: OrderKey, row_version: int, order: Order, lookups: Sequence[str]) -> None:
        """Store an order in place of the one that was read; only an `OpenOrder` calls this."""
        sealed = await self._seal(key, order)
        await self._engine.commit(lambda: store.update(key, row_version, states.due_at(order), sealed, lookups))

    async def advance(self) -> None:
        """Bring every order to the present moment: a periodic task."""
        while keys := await store.due(self._engine, self._clock.now(), _BATCH):
            for key in keys:
                async with self.open(key):
                    pass  # opening it is enough

    async def reset(self) -> None:
        """Forget everything."""
        await self._engine.commit(store.delete_everything)

    async def _seal(self, key: OrderKey, order: Order) -> bytes:
        return await self._sealer.seal_octets(key.merchant_id, _RECORD_TYPE, key.order_id, _encode(order))
