"""The parts of Cashfree's API that the emulator does not have: they are answered with 501, which names what it has.

The list has the methods and paths of the official Python SDKs 4.5.1, 5.0.5 and 6.0.1 that no table of the contract has.
"""

from __future__ import annotations

from typing import Final

from tokenvault_contract.operations import BASE_PATH
from tokenvault_server.api.routes import pattern_of
from tokenvault_server.emulator.payments.errors import NotEmulatedError
from tokenvault_server.errors import VaultError

NOT_EMULATED: Final = (
    "POST /customers",
    "GET /disputes/{dispute_id}",
    "PUT /disputes/{dispute_id}/accept",
    "POST /disputes/{dispute_id}/documents",
    "GET /easy-split/amount/{amount}/charges",
    "GET /easy-split/orders/{order_id}",
    "POST /easy-split/orders/{order_id}/split",
    "POST /easy-split/static-split",
    "GET /easy-split/vendor-docs/{vendor_id}",
    "POST /easy-split/vendor-docs/{vendor_id}",
    "GET /easy-split/vendor-docs/{vendor_id}/download/{doc_type}",
    "POST /easy-split/vendors",
    "GET /easy-split/vendors/{vendor_id}",
    "PATCH /easy-split/vendors/{vendor_id}",
    "POST /easy-split/vendors/{vendor_id}/adjustment",
    "GET /easy-split/vendors/{vendor_id}/balances",
    "POST /easy-split/vendors/{vendor_id}/transfer",
    "POST /eligibility/cardlessemi",
    "POST /eligibility/offers",
    "POST /eligibility/paylater",
    "POST /eligibility/payment_methods",
    "GET /incident",
    "GET /incident/{id}",
    "POST /links",
    "GET /links/{link_id}",
    "POST /links/{link_id}/cancel",
    "GET /links/{link_id}/orders",
    "POST /offers",
    "GET /offers/{offer_id}",
    "POST /orders/sessions/authorize",
    "POST /orders/settlements",
    "POST /orders/{order_id}/authorization",
    "GET /orders/{order_id}/disputes",
    "GET /orders/{order_id}/extended",
    "PUT /orders/{order_id}/extended",
    "PUT /orders/{order_id}/refunds/{refund_id}",
    "GET /orders/{order_id}/settlements",
    "GET /partners/merchant/qrcodes",
    "POST /partners/merchant/qrcodes",
    "GET /payments/{cf_payment_id}/disputes",
    "POST /plans",
    "GET /plans/{plan_id}",
    "POST /recon",
    "POST /recon/vendor",
    "POST /settlement/recon",
    "POST /settlements",
    "POST /simulate/settlement",
    "GET /simulate/settlement/{simulation_id}",
    "POST /split/order/vendor/recon",
    "POST /subscriptions",
    "POST /subscriptions/charge/{payment_id}/transaction-return-summary/generate",
    "POST /subscriptions/eligibility/payment_methods",
    "POST /subscriptions/pay",
    "POST /subscriptions/pay/documents/{payment_id}",
    "GET /subscriptions/{subscription_id}",
    "POST /subscriptions/{subscription_id}/manage",
    "GET /subscriptions/{subscription_id}/payments",
    "GET /subscriptions/{subscription_id}/payments/{payment_id}",
    "POST /subscriptions/{subscription_id}/payments/{payment_id}/manage",
    "POST /subscriptions/{subscription_id}/refunds",
    "GET /subscriptions/{subscription_id}/refunds/{refund_id}",
    "POST /terminal",
    "POST /terminal/demap/soundbox",
    "POST /terminal/payments",
    "GET /terminal/qrcodes",
    "POST /terminal/soundbox",
    "GET /terminal/soundbox/qrcodes",
    "POST /terminal/transactions",
    "PATCH /terminal/{cf_terminal_id}",
    "POST /terminal/{cf_terminal_id}/docs",
    "GET /terminal/{cf_terminal_id}/payments",
    "PATCH /terminal/{cf_terminal_id}/soundbox",
    "PATCH /terminal/{cf_terminal_id}/status",
    "GET /terminal/{terminal_phone_no}",
    "POST /utilities/cardbin",
    "POST /utilities/pars",
)
"""Methods and paths, in the notation of the contract's tables."""

_PATTERNS: Final = tuple((method, pattern_of(BASE_PATH + path)) for method, path in map(str.split, NOT_EMULATED))


def explain(method: str, raw_path: bytes) -> VaultError | None:
    """Return the error for an operation that only Cashfree has, or None."""
    for its_method, pattern in _PATTERNS:
        if its_method == method and pattern.fullmatch(raw_path):
            return NotEmulatedError()
    return None
