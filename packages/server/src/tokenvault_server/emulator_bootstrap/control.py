"""Build the control plane of an emulator: imported when it is first steered."""

from __future__ import annotations

from typing import Final

from tokenvault_contract import headers
from tokenvault_contract.operations import BASE_PATH
from tokenvault_server.domain.card import Pan, luhn_valid
from tokenvault_server.domain.identifiers import MerchantId
from tokenvault_server.domain.instrument import Instrument
from tokenvault_server.domain.secret import Secret
from tokenvault_server.domain.webhook import DeliveryState
from tokenvault_server.emulator.cards import Cards
from tokenvault_server.emulator.clock_moves import ClockMoves
from tokenvault_server.emulator.control.plane import ControlPlane, Facts
from tokenvault_server.emulator.seeds import Seeding
from tokenvault_server.emulator.snapshots import States
from tokenvault_server.emulator.webhook_actions import WebhookActions
from tokenvault_server.emulator.webhooks import subscribe, unsubscribe
from tokenvault_server.emulator_bootstrap.parts import EmulatorParts
from tokenvault_server.settings import LOCAL
from tokenvault_server.tsp.local.sandbox_cards import SANDBOX_CARDS, TOKEN_VAULT_BINS, WELL_KNOWN_CARDS

_DELIVERIES: Final = 10_000


def control_plane(emulator: EmulatorParts, states: States) -> ControlPlane:
    """Return what steers an emulator."""
    vault, steered, merchant_id = emulator.vault, emulator.steered, MerchantId(emulator.credentials.merchant_id)

    async def endpoints() -> list[str]:
        return [endpoint.url for endpoint in await vault.webhooks.endpoints(merchant_id)]

    async def add_endpoint(url: str) -> None:
        await subscribe(vault.webhooks, merchant_id, url)

    async def remove_endpoint(url: str) -> None:
        await unsubscribe(vault.webhooks, merchant_id, url)

    cards = Cards(
        merchant_id,
        vault.instruments,
        vault.sealer,
        vault.token_service.issuer,
        vault.inbox(LOCAL).pull,
        another_card,
    )
    return ControlPlane(
        facts=_facts(emulator),
        app=emulator.app,
        states=states,
        moves=_moves(emulator, merchant_id),
        rules=steered.rules,
        journal=steered.journal,
        captured=steered.captured,
        webhooks=_webhook_actions(emulator, merchant_id, cards),
        cards=cards,
        seeding=Seeding(merchant_id, vault.engine, vault.instruments, cards, steered.rules, vault.clock, add_endpoint),
        endpoints=endpoints,
        subscribe=add_endpoint,
        unsubscribe=remove_endpoint,
    )


def another_card(card: Instrument, last4: str) -> Pan | None:
    """Return a test number of the same network with other last four digits, or with those that are asked for."""
    listed = [each.prefix for each in (*SANDBOX_CARDS, *WELL_KNOWN_CARDS) if each.network.value == card.network]
    bins = [each.prefix for each in TOKEN_VAULT_BINS if each.network.value == card.network]
    if last4 and not (len(last4) == 4 and last4.isascii() and last4.isdigit()):
        return None
    if bins:
        ending = last4 or f"{(int(card.last4) + 1111) % 10_000:04d}"
        numbers = (f"{bins[0]}{filler:06d}{ending}" for filler in range(10))
        return next((Pan(number) for number in numbers if luhn_valid(number)), None)
    fitting = (number for number in listed if number[-4:] == last4 or (not last4 and number[-4:] != card.last4))
    return next(map(Pan, fitting), None)


def _facts(emulator: EmulatorParts) -> Facts:
    announcement, credentials = emulator.announcement, emulator.credentials
    return Facts(
        base_url=announcement.base_url,
        origin=announcement.base_url.removesuffix(BASE_PATH),
        console_url=announcement.console_url,
        merchant_id=credentials.merchant_id,
        client_id=credentials.client_id,
        seed=emulator.options.number,
        credentials=Secret(
            {headers.CLIENT_ID: credentials.client_id, headers.CLIENT_SECRET: credentials.client_secret}
        ),
    )


def _moves(emulator: EmulatorParts, merchant_id: MerchantId) -> ClockMoves:
    vault, steered = emulator.vault, emulator.steered

    async def next_retry() -> int | None:
        waiting = await vault.webhooks.deliveries(merchant_id, [DeliveryState.PENDING], _DELIVERIES)
        return min((each.due_at for each in waiting), default=None)

    return ClockMoves(steered.clock, steered.base, vault.deliveries, steered.captured, emulator.task_count, next_retry)


def _webhook_actions(emulator: EmulatorParts, merchant_id: MerchantId, cards: Cards) -> WebhookActions:
    vault, captured = emulator.vault, emulator.steered.captured
    return WebhookActions(
        merchant_id=merchant_id,
        secret=Secret(emulator.credentials.client_secret),
        engine=vault.engine,
        sealer=vault.sealer,
        events=vault.webhook_events,
        cards=cards,
        captured=captured,
        connector=vault.deliveries.connector,
        clock=vault.clock,
    )
