"""The page of the order-and-pay API, which only an emulator has."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Final

from tokenvault_contract import payment_webhooks
from tokenvault_contract.operations import BASE_PATH, Operation
from tokenvault_contract.payment_operations import PAYMENT_OPERATIONS
from tokenvault_contract.problems import PROBLEMS
from tokenvault_contract.versions import SUPPORTED
from tokenvault_server.domain.clock import MINUTE, SECOND
from tokenvault_server.emulator.payments import errors, requests, states
from tokenvault_server.emulator.payments.bank import OUTCOMES
from tokenvault_server.emulator.payments.not_emulated import NOT_EMULATED
from tokenvault_server.emulator.payments.records import OrderStatus, PaymentStatus
from tokenvault_server.emulator.payments.setup import BUDGETS
from tokenvault_server.emulator.payments.versions import PAYMENT_CHANGES
from tokenvault_server.errors import VaultError
from tools.reference.markdown import NOTE, assembled, first_paragraph, prose, table

_OTP: Final = states.OTP_TIME // MINUTE
_PAGE: Final = states.PAGE_TIME // MINUTE
_REFUND: Final = states.REFUND_TIME["STANDARD"] // MINUTE

_RULES: Final = [
    ["the one-time password", f"`{states.OTP}`", "published"],
    ["its time", f"{_OTP} minutes, then the payment is `USER_DROPPED`", "published"],
    ["wrong ones", f"the {states.MAX_ATTEMPTS}rd ends the payment as `FAILED`", "ours"],
    ["sending it again", f"{states.MAX_RESENDS} times, {states.RESEND_AFTER // SECOND} seconds apart", "published"],
    ["the time of the bank's page", f"{_PAGE} minutes, then the payment is `USER_DROPPED`", "ours"],
    ["an order without `order_expiry_time`", f"{requests.ORDER_LIFE // MINUTE // 60 // 24} days", "ours"],
    ["a refund", f"{_REFUND} minutes; with `INSTANT`, at once", "the published example; ours"],
    ["amounts", "1 to 1,000,000 rupees; refunds from 0.01", "published; ours"],
    ["currency", "`INR`", "ours"],
    ["`customer_phone`", "ten digits; `91` or `+91` before them is left out", "ours"],
]
_EVENTS: Final = {
    payment_webhooks.PAYMENT_SUCCESS: "A payment succeeded.",
    payment_webhooks.PAYMENT_FAILED: "A payment failed: its `error_details` say why.",
    payment_webhooks.PAYMENT_USER_DROPPED: "A customer cancelled a payment, or did nothing until its time was over.",
    payment_webhooks.REFUND_STATUS: "A refund was processed.",
}


def page() -> str:
    """Return the page of the order-and-pay API."""
    return assembled([*_calls(), *_cards(), *_answers(), *_missing()])


def _calls() -> list[str]:
    """Return the sections on operations and their rules."""
    return [
        "# The emulator's orders and payments",
        NOTE,
        prose(
            "`tokenvault emulator` also has the part of Cashfree's API that saves a card together with a payment. It",
            "matches the published documents and SDKs; where they say nothing, this page says what was decided. A",
            "served vault has none of these operations. The same as OpenAPI 3.1:",
            "[document](openapi-emulator.json).",
            "[Save a card with a payment](../how-to/save-a-card-with-a-payment.md) walks through it.",
        ),
        "## Operations",
        table(
            ["operation", "call", "limit per minute", "error statuses"],
            list(map(_operation, PAYMENT_OPERATIONS)),
        ),
        prose(
            "`PGPayOrder` and `PGOrderAuthenticatePayment` carry no credentials: the session, or the payment's id,",
            "authorises them. They count against the address that they come from. All calls take an idempotency key.",
        ),
        "## Rules",
        table(["subject", "rule", "source"], _RULES),
        prose(
            "Orders are",
            _listed(OrderStatus),
            "and payments",
            _listed(PaymentStatus) + ".",
            "A payment with the channel `link` is `NOT_ATTEMPTED` until the customer opens the bank's page. An order",
            "expires, and a requested termination takes effect, when no payment is in progress. A payment that",
            "succeeds meanwhile pays the order. `authenticate_status` says whether the one-time password was right,",
            "and `payment_message` says what became of the payment.",
        ),
    ]


def _cards() -> list[str]:
    """Return the sections on paying with a token and on saving a card."""
    return [
        "## Paying with a token",
        prose(
            "A payment with a saved card, or with a token and its cryptogram, is authorised after the one-time",
            "password. The built-in token service then verifies the cryptogram and uses it up. If it refuses, the",
            "payment is `FAILED` with `TRANSACTION_DECLINED`, and `error_code_raw` is one of these:",
        ),
        table(["`error_code_raw`", "meaning"], [[f"`{code}`", text] for code, text in OUTCOMES.items()]),
        "## Saving a card",
        prose(
            "`save_instrument: true` at the top level of `PGPayOrder` saves the card when the payment succeeds. The",
            "payment's `cf_payment_id` is the card's `afa_reference`. The CVV is checked for its form and never kept.",
            "If the card cannot be saved, the payment stands, and `INSTRUMENT_FAILED_WEBHOOK` says why.",
        ),
    ]


def _answers() -> list[str]:
    """Return the sections on events, versions and errors."""
    changes = {change.version: change.summary for change in PAYMENT_CHANGES}
    return [
        "## Webhook events",
        table(["type", "when"], [[f"`{name}`", text] for name, text in _EVENTS.items()]),
        prose(
            f"Their shape is that of webhook version {payment_webhooks.VERSIONS[-1]}. As on Cashfree's pages, amounts",
            "have two decimals. In refunds, `cf_refund_id` and `cf_payment_id` are numbers, and `entity` is `Refund`.",
            "The official SDKs' `RefundWebhook` does not accept these three; `PGVerifyWebhookSignature` does.",
        ),
        "## Versions",
        table(
            ["version", "what it changed"],
            [[f"`{version}`", changes.get(version, "No change to these operations.")] for version in SUPPORTED],
        ),
        "The addresses of an order before 2023-08-01 are paths of this server.",
        "## Errors",
        table(["status", "code", "message", "when"], sorted(_errors())),
        "Fields that are missing or invalid have the errors of [the other operations](errors.md).",
    ]


def _missing() -> list[str]:
    """Return the section on the rest of Cashfree's API."""
    return [
        "## What the emulator does not have",
        prose(
            "These operations of Cashfree's API answer 501 `not_emulated`. So do other methods than cards, EMI,",
            "guest tokens, and simulations of subscriptions and bank transfers. Fields of other areas, such as",
            "`order_splits` and `cart_details`, are accepted and ignored. Only `serve` answers 404 to all of it.",
        ),
        ", ".join(f"`{each}`" for each in NOT_EMULATED) + ".",
    ]


def _operation(operation: Operation) -> list[str]:
    statuses = sorted({PROBLEMS[kind].status for kind in operation.problems})
    limit = str(BUDGETS[operation.key]) if operation.key in BUDGETS else "by address"
    call = f"`{operation.method} {BASE_PATH}{operation.path}`"
    return [f"`{operation.name}`", call, limit, ", ".join(map(str, statuses))]


def _listed(statuses: type[OrderStatus | PaymentStatus]) -> str:
    return ", ".join(f"`{each.value}`" for each in statuses)


def _errors() -> Iterator[list[str]]:
    for name, error in inspect.getmembers(errors, inspect.isclass):
        if issubclass(error, VaultError) and error.__module__ == errors.__name__ and not name.startswith("_"):
            yield [str(PROBLEMS[error.kind].status), f"`{error.code}`", error.message, first_paragraph(error)]
