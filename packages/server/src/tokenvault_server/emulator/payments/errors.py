"""The errors of the order-and-pay API. Codes are the published ones where Cashfree publishes any."""

from __future__ import annotations

from tokenvault_contract.problems import Kind
from tokenvault_server.errors import VaultError


class NotEmulatedError(VaultError):
    """Cashfree's API has this operation or option, and the emulator does not."""

    kind = Kind.NOT_EMULATED
    code = "not_emulated"
    message = (
        "the emulator does not have this part of Cashfree's API. It has saved cards, orders, their payments by card, "
        "refunds, and the simulation of payments"
    )


class OrderNotFoundError(VaultError):
    """The merchant has no such order."""

    kind = Kind.NOT_FOUND
    code = "order_not_found"
    message = "order is not found"


class PaymentNotFoundError(VaultError):
    """There is no such payment, or it belongs to another order."""

    kind = Kind.NOT_FOUND
    code = "payment_not_found"
    message = "payment is not found"


class RefundNotFoundError(VaultError):
    """The order has no such refund."""

    kind = Kind.NOT_FOUND
    code = "refund_not_found"
    message = "refund is not found"


class SimulationNotFoundError(VaultError):
    """The merchant has no such simulation."""

    kind = Kind.NOT_FOUND
    code = "simulation_not_found"
    message = "simulation is not found"


class OrderNotActiveError(VaultError):
    """The order is paid, expired or terminated. It cannot be paid any more."""

    kind = Kind.NOT_FOUND
    code = "orderpay_not_found"
    message = "order is no longer active"


class OrderExistsError(VaultError):
    """The merchant has an order with this id."""

    kind = Kind.CONFLICT
    code = "order_already_exists"
    message = "order with same id is already present"


class RefundNotAllowedError(VaultError):
    """The order is not paid, so nothing can be refunded."""

    kind = Kind.CONFLICT
    code = "refund_not_allowed"
    message = "the order has no successful payment"


class RefundExistsError(VaultError):
    """The order has another refund with this id. A repeat of the same request returns the refund."""

    kind = Kind.INVALID
    code = "refund_id_already_exists"
    message = "another refund of this order has this id"


class _RequestInvalidError(VaultError):
    kind = Kind.INVALID
    code = "request_invalid"


class AlreadyProcessedError(_RequestInvalidError):
    """The payment has ended: it succeeded, failed, or was dropped because its time was over."""

    message = "Transaction is already processed"


class TooManyAttemptsError(_RequestInvalidError):
    """The one-time password was wrong three times, or was sent again twice."""

    message = "Exceeded retry attempts"


class ResentTooEarlyError(_RequestInvalidError):
    """The one-time password was sent less than 30 seconds ago."""

    message = "OTP can be sent again 30 seconds after it was sent"
