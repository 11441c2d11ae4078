"""The operations of the control plane as a table: routes, OpenAPI, commands and Python follow from these rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

from tokenvault_server.emulator.control import bodies
from tokenvault_server.emulator.seeds import Seed, Seeded
from tokenvault_server.emulator.snapshots import Snapshot

Takes = TypeVar("Takes", bound=msgspec.Struct)
Returns = TypeVar("Returns")
Method = Literal["GET", "POST", "PUT", "DELETE"]


@dataclass(frozen=True, slots=True)
class ControlOperation(Generic[Takes, Returns]):
    """One operation. Fields of `takes` that the path names are in the path, others in the query or the body."""

    key: str
    """The name of the method of `ControlPlane`."""
    method: Method
    path: str
    takes: type[Takes]
    returns: type[Returns]
    summary: str


ABOUT: Final = ControlOperation(
    "about", "GET", "/", bodies.Nothing, bodies.About, "Return the emulator's addresses, clock and operations"
)
RESET: Final = ControlOperation(
    "reset", "POST", "/reset", bodies.Nothing, bodies.Done, "Go back to the state at the start, after the seed"
)
SEED: Final = ControlOperation("seed", "POST", "/seed", Seed, Seeded, "Save the customers and cards of a seed")
TAKE_SNAPSHOT: Final = ControlOperation(
    "take_snapshot", "GET", "/snapshot", bodies.Nothing, Snapshot, "Return the whole state as one document"
)
RESTORE_SNAPSHOT: Final = ControlOperation(
    "restore_snapshot", "PUT", "/snapshot", Snapshot, bodies.Done, "Go back to the state of a snapshot"
)
READ_CLOCK: Final = ControlOperation("read_clock", "GET", "/clock", bodies.Nothing, bodies.ClockState, "Read the clock")
SET_CLOCK: Final = ControlOperation(
    "set_clock", "POST", "/clock/set", bodies.SetClock, bodies.ClockState, "Set the clock to a time"
)
ADVANCE_CLOCK: Final = ControlOperation(
    "advance_clock",
    "POST",
    "/clock/advance",
    bodies.AdvanceClock,
    bodies.ClockState,
    "Move the clock forward; answer when what became due is done",
)
FREEZE_CLOCK: Final = ControlOperation(
    "freeze_clock", "POST", "/clock/freeze", bodies.FreezeClock, bodies.ClockState, "Have the clock stand still"
)
RESUME_CLOCK: Final = ControlOperation(
    "resume_clock", "POST", "/clock/resume", bodies.Nothing, bodies.ClockState, "Have the clock run on"
)
LIST_FAULTS: Final = ControlOperation(
    "list_faults", "GET", "/faults", bodies.Nothing, bodies.Faults, "List the fault rules with their counts"
)
ADD_FAULT: Final = ControlOperation(
    "add_fault", "POST", "/faults", bodies.AddFault, bodies.Faults, "Add a fault rule, or replace the one with its id"
)
REMOVE_FAULT: Final = ControlOperation(
    "remove_fault", "DELETE", "/faults/{fault_id}", bodies.FaultId, bodies.Faults, "Delete a fault rule"
)
CLEAR_FAULTS: Final = ControlOperation(
    "clear_faults", "DELETE", "/faults", bodies.Nothing, bodies.Faults, "Delete all fault rules"
)
FIND_REQUESTS: Final = ControlOperation(
    "find_requests", "GET", "/requests", bodies.FindRequests, bodies.Requests, "Find calls in the journal"
)
ASSERT_REQUESTS: Final = ControlOperation(
    "assert_requests",
    "POST",
    "/requests/assert",
    bodies.AssertRequests,
    bodies.Asserted,
    "Fail unless the journal has as many matching calls as expected",
)
SHOW_REQUEST: Final = ControlOperation(
    "show_request", "GET", "/requests/{request_id}", bodies.RequestId, bodies.Requests, "Return one call"
)
REPLAY_REQUEST: Final = ControlOperation(
    "replay_request",
    "POST",
    "/requests/{request_id}/replay",
    bodies.RequestId,
    bodies.Replayed,
    "Repeat a call with the emulator's own credentials",
)
CURL_REQUEST: Final = ControlOperation(
    "curl_request", "GET", "/requests/{request_id}/curl", bodies.RequestId, bodies.Curl, "Return a call as a command"
)
CLEAR_REQUESTS: Final = ControlOperation(
    "clear_requests", "DELETE", "/requests", bodies.Nothing, bodies.Done, "Empty the journal"
)
FIND_WEBHOOKS: Final = ControlOperation(
    "find_webhooks", "GET", "/webhooks", bodies.FindWebhooks, bodies.Webhooks, "Find attempts to send webhooks"
)
DELIVER_WEBHOOKS: Final = ControlOperation(
    "deliver_webhooks", "POST", "/webhooks/deliver", bodies.Nothing, bodies.Delivered, "Send what is due now"
)
FIRE_WEBHOOK: Final = ControlOperation(
    "fire_webhook", "POST", "/webhooks/fire", bodies.FireWebhook, bodies.Delivered, "Make an event and send it"
)
SHOW_WEBHOOK: Final = ControlOperation(
    "show_webhook", "GET", "/webhooks/{webhook_id}", bodies.WebhookId, bodies.Webhook, "Return one attempt"
)
RESEND_WEBHOOK: Final = ControlOperation(
    "resend_webhook",
    "POST",
    "/webhooks/{webhook_id}/resend",
    bodies.WebhookId,
    bodies.Webhook,
    "Send the same body again, signed anew",
)
CLEAR_WEBHOOKS: Final = ControlOperation(
    "clear_webhooks", "DELETE", "/webhooks", bodies.Nothing, bodies.Done, "Forget all captured webhooks"
)
LIST_ENDPOINTS: Final = ControlOperation(
    "list_endpoints", "GET", "/webhook-endpoints", bodies.Nothing, bodies.Endpoints, "List the webhook endpoints"
)
ADD_ENDPOINT: Final = ControlOperation(
    "add_endpoint", "POST", "/webhook-endpoints", bodies.AddEndpoint, bodies.Endpoints, "Add a webhook endpoint"
)
REMOVE_ENDPOINT: Final = ControlOperation(
    "remove_endpoint",
    "DELETE",
    "/webhook-endpoints",
    bodies.RemoveEndpoint,
    bodies.Endpoints,
    "Remove a webhook endpoint",
)
LIST_CARDS: Final = ControlOperation(
    "list_cards", "GET", "/cards", bodies.FindCards, bodies.Cards, "List the saved cards"
)
ACT_ON_CARD: Final = ControlOperation(
    "act_on_card",
    "POST",
    "/cards/{instrument_id}/{action}",
    bodies.ActOnCard,
    bodies.Card,
    "Suspend, resume, expire, deactivate or reissue a saved card, as its issuer",
)
LIST_MAGIC: Final = ControlOperation(
    "list_magic", "GET", "/magic", bodies.Nothing, bodies.MagicValues, "List the magic values"
)

OPERATIONS: Final[tuple[ControlOperation[Any, Any], ...]] = (
    ABOUT,
    RESET,
    SEED,
    TAKE_SNAPSHOT,
    RESTORE_SNAPSHOT,
    READ_CLOCK,
    SET_CLOCK,
    ADVANCE_CLOCK,
    FREEZE_CLOCK,
    RESUME_CLOCK,
    LIST_FAULTS,
    ADD_FAULT,
    REMOVE_FAULT,
    CLEAR_FAULTS,
    FIND_REQUESTS,
    ASSERT_REQUESTS,
    SHOW_REQUEST,
    REPLAY_REQUEST,
    CURL_REQUEST,
    CLEAR_REQUESTS,
    FIND_WEBHOOKS,
    DELIVER_WEBHOOKS,
    FIRE_WEBHOOK,
    SHOW_WEBHOOK,
    RESEND_WEBHOOK,
    CLEAR_WEBHOOKS,
    LIST_ENDPOINTS,
    ADD_ENDPOINT,
    REMOVE_ENDPOINT,
    LIST_CARDS,
    ACT_ON_CARD,
    LIST_MAGIC,
)
