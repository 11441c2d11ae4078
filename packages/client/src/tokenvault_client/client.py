"""`Client` and `AsyncClient`: the same methods, synchronous and asynchronous.

The module `_flow` decides what a call does. This module performs its effects, in a thread or in a task.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from tokenvault_client import _calls
from tokenvault_client._base import Base
from tokenvault_client._calls import Call
from tokenvault_client._flow import Flow, Outcome, Send, Sleep, transport_failure
from tokenvault_client._secrets import without_frames
from tokenvault_client._transports import AsyncTransport, Connecting, Transport, is_builtin
from tokenvault_client.results import Answer, Card, Consent, Cryptogram, Instrument, InstrumentType

if TYPE_CHECKING:
    from uuid import UUID

T = TypeVar("T")


def run_flow(steps: Flow[T], transport: Transport) -> Answer[T]:
    """Perform the effects of a call in this thread, and return its answer."""
    outcome: Outcome = None
    while True:
        try:
            step = steps.send(outcome)
        except StopIteration as done:
            answer: Answer[T] = done.value
            return answer
        outcome = _perform(step, transport)


def _perform(step: Send | Sleep, transport: Transport) -> Outcome:
    if isinstance(step, Sleep):
        time.sleep(step.seconds)
        return None
    try:
        return transport.send(step.request, step.seconds)
    except Exception as error:  # noqa: BLE001  # a transport of the user may raise anything
        return transport_failure(error, is_builtin=is_builtin(transport))


class Client(Base[Transport]):
    """Calls the Token Vault API and waits for the answer. Threads may share a client, and it survives a `fork`.

    Every method takes a `request_id` that identifies the call in logs, an `idempotency_key` with which the call acts at
    most once, and a `timeout` in seconds for the whole call. The client generates those that are not passed, except an
    idempotency key for a read. Every method raises `TokenVaultError`: see `tokenvault_client.errors`.
    """

    _is_async = False

    def fetch_instruments(
        self,
        customer_id: str,
        *,
        instrument_type: InstrumentType = "card",
        request_id: str | UUID | None = None,
        idempotency_key: str | UUID | None = None,
        timeout: float | None = None,
    ) -> Answer[tuple[Instrument, ...]]:
        """Return all saved cards of a customer, oldest first. An unknown customer has none."""
        call = _calls.fetch_instruments(customer_id, instrument_type)
        return self._run(call, request_id, idempotency_key, timeout)

    def fetch_instrument(
        self,
        customer_id: str,
        instrument_id: str,
        *,
        request_id: str | UUID | None = None,
        idempotency_key: str | UUID | None = None,
        timeout: float | None = None,
    ) -> Answer[Instrument]:
        """Return one saved card of a customer."""
        call = _calls.fetch_instrument(customer_id, instrument_id)
        return self._run(call, request_id, idempotency_key, timeout)

    def delete_instrument(
        self,
        customer_id: str,
        instrument_id: str,
        *,
        request_id: str | UUID | None = None,
        idempotency_key: str | UUID | None = None,
        timeout: float | None = None,
    ) -> Answer[Instrument]:
        """Delete a saved card and return what remains of it."""
        call = _calls.delete_instrument(customer_id, instrument_id)
        return self._run(call, request_id, idempotency_key, timeout)

    def fetch_cryptogram(
        self,
        customer_id: str,
        instrument_id: str,
        *,
        request_id: str | UUID | None = None,
        idempotency_key: str | UUID | None = None,
        timeout: float | None = None,
    ) -> Answer[Cryptogram]:
        """Return the network token of a saved card, with a new cryptogram for one payment."""
        call = _calls.fetch_cryptogram(customer_id, instrument_id)
        return self._run(call, request_id, idempotency_key, timeout)

    def enrol_instrument(
        self,
        customer_id: str,
        card: Card,
        *,
        afa_reference: str,
        consent: Consent,
        request_id: str | UUID | None = None,
        idempotency_key: str | UUID | None = None,
        timeout: float | None = None,
    ) -> Answer[Instrument]:
        """Save a card. This is Tokenvault's own route, which Cashfree's hosts do not have."""
        try:
            call = _calls.enrol_instrument(customer_id, card, afa_reference, consent)
        finally:
            del card  # a traceback shows the local variables of this function
        return self._run(call, request_id, idempotency_key, timeout)

    def close(self) -> None:
        """Close all connections. A later call opens new ones."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _connect(self, connecting: Connecting) -> Transport:
        from tokenvault_client._transports.http1.threads import Http1Transport

        return Http1Transport(connecting)

    def _run(
        self, call: Call[T], request_id: str | UUID | None, idempotency_key: str | UUID | None, timeout: float | None
    ) -> Answer[T]:
        handled = sys.exception()
        try:
            return run_flow(self._flow(call, request_id, idempotency_key, timeout), self._transport)
        except BaseException as error:
            without_frames(error, handled)
            raise
        finally:
            del handled


class AsyncClient(Base[AsyncTransport]):
    """Calls the Token Vault API without blocking the event loop. Tasks may share a client, and it survives a `fork`.

    Every method takes a `request_id` that identifies the call in logs, an `idempotency_key` with which the call acts at
    most once, and a `timeout` in seconds for the whole call. The client generates those that are not passed, except an
    idempotency key for a read. Every method raises `TokenVaultError`: see `tokenvault_client.errors`.
    """

    _is_async = True

    async def fetch_instruments(
        self,
        customer_id: str,
        *,
        instrument_type: InstrumentType = "card",
        request_id: str | UUID | None = None,
        idempotency_key: str | UUID | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  # it bounds all attempts together, which only the flow can do
    ) -> Answer[tuple[Instrument, ...]]:
        """Return all saved cards of a customer, oldest first. An unknown customer has none."""
        call = _calls.fetch_instruments(customer_id, instrument_type)
        return await self._run(call, request_id, idempotency_key, timeout)

    async def fetch_instrument(
        self,
        customer_id: str,
        instrument_id: str,
        *,
        request_id: str | UUID | None = None,
        idempotency_key: str | UUID | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Answer[Instrument]:
        """Return one saved card of a customer."""
        call = _calls.fetch_instrument(customer_id, instrument_id)
        return await self._run(call, request_id, idempotency_key, timeout)

    async def delete_instrument(
        self,
        customer_id: str,
        instrument_id: str,
        *,
        request_id: str | UUID | None = None,
        idempotency_key: str | UUID | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Answer[Instrument]:
        """Delete a saved card and return what remains of it."""
        call = _calls.delete_instrument(customer_id, instrument_id)
        return await self._run(call, request_id, idempotency_key, timeout)

    async def fetch_cryptogram(
        self,
        customer_id: str,
        instrument_id: str,
        *,
        request_id: str | UUID | None = None,
        idempotency_key: str | UUID | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Answer[Cryptogram]:
        """Return the network token of a saved card, with a new cryptogram for one payment."""
        call = _calls.fetch_cryptogram(customer_id, instrument_id)
        return await self._run(call, request_id, idempotency_key, timeout)

    async def enrol_instrument(
        self,
        customer_id: str,
        card: Card,
        *,
        afa_reference: str,
        consent: Consent,
        request_id: str | UUID | None = None,
        idempotency_key: str | UUID | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Answer[Instrument]:
        """Save a card. This is Tokenvault's own route, which Cashfree's hosts do not have."""
        try:
            call = _calls.enrol_instrument(customer_id, card, afa_reference, consent)
        finally:
            del card  # a traceback shows the local variables of this function
        return await self._run(call, request_id, idempotency_key, timeout)

    async def close(self) -> None:
        """Close all connections. A later call opens new ones."""
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()

    def _connect(self, connecting: Connecting) -> AsyncTransport:
        from tokenvault_client._transports.http1.tasks import AsyncHttp1Transport

        return AsyncHttp1Transport(connecting)

    async def _run(
        self,
        call: Call[T],
        request_id: str | UUID | None,
        idempotency_key: str | UUID | None,
        timeout: float | None,  # noqa: ASYNC109
    ) -> Answer[T]:
        handled = sys.exception()
        try:
            return await self._run_flow(self._flow(call, request_id, idempotency_key, timeout))
        except BaseException as error:
            without_frames(error, handled)
            raise
        finally:
            del handled

    async def _run_flow(self, steps: Flow[T]) -> Answer[T]:
        outcome: Outcome = None
        while True:
            try:
                step = steps.send(outcome)
            except StopIteration as done:
                answer: Answer[T] = done.value
                return answer
            outcome = await self._do(step)

    async def _do(self, step: Send | Sleep) -> Outcome:
        if isinstance(step, Sleep):
            from asyncio import sleep

            await sleep(step.seconds)
            return None
        try:
            return await self._transport.send(step.request, step.seconds)
        except Exception as error:  # noqa: BLE001  # a transport of the user may raise anything
            return transport_failure(error, is_builtin=is_builtin(self._transport))
