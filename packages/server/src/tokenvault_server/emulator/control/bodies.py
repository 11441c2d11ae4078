"""What the control plane takes and returns. OpenAPI is made from these structs."""

from __future__ import annotations

import msgspec

from tokenvault_server.emulator.captured_webhooks import CapturedWebhook, WebhookFilter
from tokenvault_server.emulator.faults import FaultRule, FaultState
from tokenvault_server.emulator.journal import Filter, JournalEntry
from tokenvault_server.emulator.magic import MagicValue


class Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """What every call of the control plane takes: fields of the path, the query or the body."""


class Nothing(Request, frozen=True):
    """A call without fields."""


class Done(msgspec.Struct, frozen=True):
    """The call was carried out."""

    done: bool = True


class About(msgspec.Struct, frozen=True):
    """The emulator, and what its control plane can do."""

    mode: str
    version: str
    base_url: str
    console_url: str
    merchant_id: str
    client_id: str
    seed: int | None
    clock: str
    operations: list[str]
    """Each as method, path and what it does."""


class ClockState(msgspec.Struct, frozen=True):
    """The emulator's clock."""

    now: str
    """RFC 3339, in UTC."""
    unix_seconds: float
    frozen: bool
    ahead_seconds: float
    """How far it is ahead of the machine's clock; negative if it is behind."""


class SetClock(Request, frozen=True):
    """The time to show."""

    at: str
    """RFC 3339 with a time zone."""


class AdvanceClock(Request, frozen=True):
    """How far to move forward. The fields add up; every webhook retry on the way is sent at its time."""

    seconds: float = 0
    minutes: float = 0
    hours: float = 0
    days: float = 0


class FreezeClock(Request, frozen=True):
    """The time at which to stand still; the present one if it is empty."""

    at: str = ""


class AddFault(Request, frozen=True):
    """A fault rule to add."""

    rule: FaultRule


class FaultId(Request, frozen=True):
    """A fault rule."""

    fault_id: str


class Faults(msgspec.Struct, frozen=True):
    """All fault rules, oldest first."""

    faults: list[FaultState]


class FindRequests(Filter, Request, frozen=True):
    """Which calls of the journal."""

    limit: int = 1_000
    """At most this many, the newest."""


class Requests(msgspec.Struct, frozen=True):
    """Calls of the journal, oldest first."""

    requests: list[JournalEntry]
    total: int
    """How many match, whatever the limit."""


class AssertRequests(FindRequests, frozen=True):
    """Which calls the journal must have, and how many; at least one where no number is given."""

    count: int | None = None
    at_least: int | None = None
    at_most: int | None = None


class Asserted(msgspec.Struct, frozen=True):
    """How many calls match."""

    count: int


class RequestId(Request, frozen=True):
    """A call of the journal."""

    request_id: str
    """Its `id` in the journal."""


class Replayed(msgspec.Struct, frozen=True):
    """The answer to a call that was repeated, and the repeat in the journal."""

    status: int
    request: JournalEntry


class Curl(msgspec.Struct, frozen=True):
    """A call as a command. Credentials are variables of the shell."""

    curl: str


class FindWebhooks(WebhookFilter, Request, frozen=True):
    """Which attempts to send webhooks."""

    limit: int = 1_000


class Webhooks(msgspec.Struct, frozen=True):
    """Attempts, oldest first."""

    webhooks: list[CapturedWebhook]
    total: int


class WebhookId(Request, frozen=True):
    """A captured webhook."""

    webhook_id: str


class Webhook(msgspec.Struct, frozen=True):
    """One captured webhook."""

    webhook: CapturedWebhook


class FireWebhook(Request, frozen=True):
    """An event to make now, about a saved card; without one, INSTRUMENT_FAILED_WEBHOOK needs a customer."""

    type: str
    instrument: str = ""
    customer: str = ""


class AddEndpoint(Request, frozen=True):
    """A URL that gets the events of the ready-made merchant from now on."""

    url: str


class RemoveEndpoint(Request, frozen=True):
    """A URL that gets no more events."""

    url: str


class Endpoints(msgspec.Struct, frozen=True):
    """The endpoints of the ready-made merchant."""

    urls: list[str]


class Delivered(msgspec.Struct, frozen=True):
    """How many attempts were made."""

    attempts: int


class Card(msgspec.Struct, frozen=True):
    """A saved card."""

    instrument_id: str
    customer_id: str
    status: str
    """`ACTIVE`, `INACTIVE` or `DELETED`."""
    last4: str
    network: str
    bank: str


class Cards(msgspec.Struct, frozen=True):
    """The saved cards of the ready-made merchant."""

    cards: list[Card]


class FindCards(Request, frozen=True):
    """Which saved cards."""

    customer: str = ""


class ActOnCard(Request, frozen=True):
    """A saved card, and what its issuer does to it."""

    instrument_id: str
    action: str
    last4: str = ""
    """The last four digits of a reissued card; any others if it is empty."""


class MagicValues(msgspec.Struct, frozen=True):
    """All magic values."""

    values: list[MagicValue]


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a call was not carried out."""

    code: str
    message: str
    allowed: tuple[str, ...] = ()
    """What would be right."""
