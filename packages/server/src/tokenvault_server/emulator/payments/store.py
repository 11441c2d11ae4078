"""The rows of the emulator's orders, in a database of their own. What they hold is sealed."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Work
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.emulator.payments.errors import OrderExistsError
from tokenvault_server.emulator.payments.records import Simulation
from tokenvault_server.errors import StaleReadError

PACKAGE = "tokenvault_server.emulator.payments"
"""The package whose migrations create the database."""

SQL = queries.load(PACKAGE, "payments.sql")


class OrderKey(NamedTuple):
    """The primary key of an order."""

    merchant_id: MerchantId
    order_id: str


class OrderRow(NamedTuple):
    """An order as it is stored."""

    row_version: int
    sealed: bytes


def payment_lookup(cf_payment_id: str) -> str:
    """Return the lookup key of a payment."""
    return f"payment:{cf_payment_id}"


def session_lookup(session_id: str) -> str:
    """Return the lookup key of a payment session, from which the session cannot be found."""
    return f"session:{sha256(session_id.encode(errors='surrogatepass')).hexdigest()}"


def page_lookup(page_token: str) -> str:
    """Return the lookup key of a bank's page, from which its token cannot be found."""
    return f"page:{sha256(page_token.encode(errors='surrogatepass')).hexdigest()}"


async def load(engine: Engine, key: OrderKey) -> OrderRow | None:
    """Return an order, or None."""
    rows = await engine.read(SQL["load_order"](**key._asdict()))
    return OrderRow(*rows[0]) if rows else None


async def find(engine: Engine, lookup_key: str) -> OrderKey | None:
    """Return the order that a lookup key stands for, or None."""
    rows = await engine.read(SQL["find_order"](lookup_key=lookup_key))
    return OrderKey(*rows[0]) if rows else None


async def due(engine: Engine, now: int, limit: int) -> list[OrderKey]:
    """Return up to `limit` orders that time has changed."""
    return [OrderKey(*row) for row in await engine.read(SQL["due_orders"](now=now, limit=limit))]


def insert(key: OrderKey, due_at: int | None, sealed: bytes, lookups: Sequence[str]) -> Work[None]:
    """Add an order.

    Raises:
        OrderExistsError: the merchant has an order with this id.
    """
    if not (yield SQL["insert_order"](**key._asdict(), due_at=due_at, sealed=sealed)):
        raise OrderExistsError
    yield from _add_lookups(key, lookups)


def update(key: OrderKey, row_version: int, due_at: int | None, sealed: bytes, lookups: Sequence[str]) -> Work[None]:
    """Replace an order.

    Raises:
        StaleReadError: it was changed since it was read.
    """
    changed = yield SQL["update_order"](**key._asdict(), row_version=row_version, due_at=due_at, sealed=sealed)
    if not changed:
        raise StaleReadError(hint="another call changed the order")
    yield from _add_lookups(key, lookups)


def insert_simulation(merchant_id: MerchantId, simulation: Simulation) -> Statement:
    """Add a simulation."""
    return SQL["insert_simulation"](
        merchant_id=merchant_id,
        simulation_id=simulation.simulation_id,
        cf_payment_id=simulation.cf_payment_id,
        payment_status=simulation.payment_status,
        payment_error_code=simulation.payment_error_code,
    )


async def load_simulation(engine: Engine, merchant_id: MerchantId, simulation_id: str) -> Simulation | None:
    """Return a simulation, or None."""
    rows = await engine.read(SQL["load_simulation"](merchant_id=merchant_id, simulation_id=simulation_id))
    return Simulation(*rows[0]) if rows else None


def delete_everything() -> Work[None]:
    """Delete all rows."""
    yield SQL["delete_orders"]()
    yield SQL["delete_lookups"]()
    yield SQL["delete_simulations"]()


def _add_lookups(key: OrderKey, lookups: Sequence[str]) -> Work[None]:
    for lookup_key in lookups:
        if not (yield SQL["insert_lookup"](lookup_key=lookup_key, **key._asdict())):
            raise StaleReadError(hint="a random id is taken")
