"""Suspend and resume saved cards for operators, at the provider of their tokens."""

from __future__ import annotations

from tokenvault_server.domain.identifiers import CustomerId, InstrumentId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.errors import InvalidFieldError, SuspensionNotSupportedError
from tokenvault_server.tsp.answers import is_text
from tokenvault_server.tsp.events import TokenEvent
from tokenvault_server.tsp.provider import LifecycleAction, LifecycleResult, TokenKey
from tokenvault_server.tsp.routing import Providers
from tokenvault_server.vault.instruments import Instruments
from tokenvault_server.vault.record_sealer import RecordSealer
from tokenvault_server.vault.token_events import TokenEvents


class Suspensions:
    """An operator's suspensions of saved cards.

    A provider suspends tokens, so every saved card of the same token changes with it.
    """

    def __init__(
        self, instruments: Instruments, sealer: RecordSealer, providers: Providers, token_events: TokenEvents
    ) -> None:
        """Suspend tokens at `providers` and apply the results through `token_events`."""
        self._instruments = instruments
        self._sealer = sealer
        self._providers = providers
        self._token_events = token_events

    async def suspend(
        self, caller: Caller, customer_id: CustomerId, instrument_id: InstrumentId, reason: str
    ) -> LifecycleResult:
        """Suspend a saved card's token; return its status afterwards."""
        return await self._ask(caller, customer_id, instrument_id, LifecycleAction.SUSPEND, reason)

    async def resume(
        self, caller: Caller, customer_id: CustomerId, instrument_id: InstrumentId, reason: str
    ) -> LifecycleResult:
        """End the suspension; the token stays suspended where its issuer suspended it too."""
        return await self._ask(caller, customer_id, instrument_id, LifecycleAction.RESUME, reason)

    async def _ask(
        self,
        caller: Caller,
        customer_id: CustomerId,
        instrument_id: InstrumentId,
        action: LifecycleAction,
        reason: str,
    ) -> LifecycleResult:
        if not is_text(reason):
            raise InvalidFieldError("reason", "has up to 100 printable characters and no card number")
        instrument = await self._instruments.load(caller, customer_id, instrument_id)
        provider = self._providers.by_id(instrument.tsp_id)
        if not provider.capabilities.suspends:
            raise SuspensionNotSupportedError
        secrets = await self._sealer.open_instrument(instrument)
        key = TokenKey(instrument.merchant_id, secrets.token_reference)
        result = await provider.lifecycle(key, action, reason)
        # The provider has acted already. If the vault fails here, the operator repeats the command, or the provider's
        # event arrives later.
        event = TokenEvent(
            merchant_id=instrument.merchant_id,
            reference=secrets.token_reference,
            at=result.at,
            status=result.status,
            suspended_by=result.suspended_by,
            reason=reason,
        )
        await self._token_events.apply(provider.tsp_id, event, caller)
        return result
