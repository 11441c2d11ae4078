"""Seed files: the customers, cards, webhook endpoints and fault rules that an emulator begins with.

Ids follow from the file's own `seed`, the customer and the card's position, so they are the same each time. A card that
its customer has already is not saved again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from tokenvault_server.database.engine import Engine, Unit
from tokenvault_server.domain.card import Expiry, parse_expiry, parse_pan
from tokenvault_server.domain.clock import SECOND, Clock
from tokenvault_server.domain.identifiers import CustomerId, MerchantId, acceptable_segment
from tokenvault_server.domain.instrument import Instrument, InstrumentStatus
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.emulator.cards import Action, Cards
from tokenvault_server.emulator.errors import ControlError
from tokenvault_server.emulator.faults import FaultRule, FaultRules
from tokenvault_server.emulator.randomness import STABLE_TIME, SeededSource, drawing_from
from tokenvault_server.errors import (
    CardNotSupportedError,
    InvalidFieldError,
    SettingsError,
    StoreError,
    TokenServiceUnavailableError,
    TooManyInstrumentsError,
)
from tokenvault_server.tsp.provider import CardDetails, Evidence, ProvisionRequest
from tokenvault_server.vault.instruments import Instruments

DEFAULT_CARD: Final = "4706131211212123"  # the first of Cashfree's published sandbox cards
_YEARS_LEFT: Final = 3
_ATTEMPTS: Final = 20
_ACTIONS: Final[dict[str, Action]] = {"SUSPENDED": "suspend", "EXPIRED": "expire", "DEACTIVATED": "deactivate"}


class SeedCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A card to save: a test number, and what has become of it."""

    number: str = DEFAULT_CARD
    expiry: str = ""
    """Month and year, such as `03/2030`; by default three years from now."""
    status: Literal["ACTIVE", "SUSPENDED", "EXPIRED", "DEACTIVATED"] = "ACTIVE"
    afa_reference: str = "seed_payment"

    def __repr__(self) -> str:
        """Show the last four digits only."""
        return f"SeedCard(**** {self.number[-4:]}, {self.status})"


class SeedCustomer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A customer with cards."""

    id: str
    cards: list[SeedCard] = msgspec.field(default_factory=lambda: [SeedCard()])


class Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A seed file."""

    seed: int = 0
    customers: list[SeedCustomer] = []
    webhook_endpoints: list[str] = []
    faults: list[FaultRule] = []


class SeededCard(msgspec.Struct, frozen=True):
    """A card of a seed as it was saved."""

    customer_id: str
    instrument_id: str
    last4: str
    status: str


class Seeded(msgspec.Struct, frozen=True):
    """What a seed has become."""

    cards: list[SeededCard]
    webhook_endpoints: list[str]
    faults: list[str]


def read_seed(path: Path) -> Seed:
    """Return a seed file: JSON, or YAML where PyYAML is installed.

    Raises:
        SettingsError: the file is missing, or is not a seed.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"the seed file cannot be read: {error.strerror}", hint=str(path)) from None
    if path.suffix in {".yaml", ".yml"}:
        return _of_yaml(content)
    try:
        return msgspec.json.decode(content, type=Seed)
    except msgspec.MsgspecError as error:
        raise SettingsError("the seed file is not valid", hint=_reason(error)) from None


def _of_yaml(content: bytes) -> Seed:
    try:
        return msgspec.yaml.decode(content, type=Seed)
    except ImportError:
        raise SettingsError(
            "YAML needs PyYAML", hint="pip install 'tokenvault-server[yaml]', or write the file as JSON"
        ) from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise SettingsError("the seed file is not valid", hint=_reason(error)) from None


def _reason(error: Exception) -> str:
    """Return what the decoder says, where it speaks of names and types; other texts may quote a card number."""
    return str(error) if isinstance(error, msgspec.ValidationError) else "it is not JSON or YAML"


class Seeding:
    """Applies seeds for the ready-made merchant."""

    def __init__(
        self,
        merchant_id: MerchantId,
        engine: Engine,
        instruments: Instruments,
        cards: Cards,
        rules: FaultRules,
        clock: Clock,
        subscribe: Callable[[str], Awaitable[None]],
    ) -> None:
        """Save through the same verbs as any call."""
        self._caller = Caller(merchant_id, "emulator")
        self._engine = engine
        self._instruments = instruments
        self._cards = cards
        self._rules = rules
        self._clock = clock
        self._subscribe = subscribe

    async def apply(self, seed: Seed) -> Seeded:
        """Save what a seed names, and add its endpoints and rules.

        Raises:
            ControlError: a customer id, a card or a rule cannot be used. What came before it is kept.
        """
        saved = [
            await self._save(seed.seed, customer.id, position, card)
            for customer in seed.customers
            for position, card in enumerate(customer.cards)
        ]
        for url in seed.webhook_endpoints:
            await self._subscribe(url)
        rules = [self._rules.add(rule).id for rule in seed.faults]
        return Seeded(saved, list(seed.webhook_endpoints), rules)

    async def _save(self, seed: int, customer: str, position: int, card: SeedCard) -> SeededCard:
        if not acceptable_segment(customer):
            raise ControlError.invalid("customers.id", "cannot be an id", ["1 to 128 characters, no card number"])
        details = self._details(card)
        existing = await self._instruments.fetch_all(self._caller, CustomerId(customer))
        instrument = next((each.instrument for each in existing if each.instrument.last4 == card.number[-4:]), None)
        if instrument is None:
            instrument = await self._enrol_with_stable_ids((seed, customer, position), details, card)
        status = "ACTIVE" if instrument.status is InstrumentStatus.ACTIVE else "INACTIVE"
        deleted = instrument.status is InstrumentStatus.DELETED
        return SeededCard(customer, instrument.instrument_id, instrument.last4, "DELETED" if deleted else status)

    async def _enrol_with_stable_ids(
        self, place: tuple[int, str, int], details: CardDetails, card: SeedCard
    ) -> Instrument:
        """Save a card with ids that follow from its place; if a card that was deleted had them, with further ones."""
        for attempt in range(_ATTEMPTS):
            source = SeededSource("seed file", *place, attempt, time=STABLE_TIME)
            with drawing_from(source), suppress(TokenServiceUnavailableError, StoreError):
                instrument = await self._enrol(place[1], details, card.afa_reference)
                if card.status not in _ACTIONS:
                    return instrument
                return await self._cards.act(_ACTIONS[card.status], instrument.instrument_id)
        raise ControlError.conflict("ids_taken", "the cards of this seed were deleted too often; reset the emulator")

    async def _enrol(self, customer: str, details: CardDetails, afa_reference: str) -> Instrument:
        evidence = Evidence(afa_reference, self._clock.now(), "seed")
        unit = Unit(self._engine)
        request = ProvisionRequest(details, self._caller.merchant_id, CustomerId(customer), evidence)
        try:
            saved = await self._instruments.save(self._caller, unit, request)
            await unit.commit()
        except (CardNotSupportedError, InvalidFieldError, TooManyInstrumentsError) as error:
            raise ControlError.invalid("customers.cards", f"was not saved: {error.message}") from None
        return saved.instrument

    def _details(self, card: SeedCard) -> CardDetails:
        pan = parse_pan(card.number)
        if pan is None:
            raise ControlError.invalid("customers.cards.number", "is no card number", ["`tokenvault cards test`"])
        year = datetime.fromtimestamp(self._clock.now() / SECOND, UTC).year + _YEARS_LEFT
        expiry = parse_expiry(*card.expiry.split("/", 1)) if "/" in card.expiry else Expiry(year, 3)
        if expiry is None or (card.expiry and "/" not in card.expiry):
            raise ControlError.invalid("customers.cards.expiry", "is not a month and a year", ["03/2030"])
        return CardDetails(pan, expiry)
