"""The errors of the control plane: each says what is allowed instead."""

from __future__ import annotations

from collections.abc import Sequence

from tokenvault_contract.problems import Kind
from tokenvault_server.errors import OperatorError


class ControlError(OperatorError):
    """A call to the control plane cannot be carried out."""

    def __init__(self, code: str, message: str, allowed: Sequence[object] = ()) -> None:
        """Keep what is wrong, and what would be right."""
        self.code = code
        self.message = message
        self.allowed = tuple(map(str, allowed))
        super().__init__(hint=f"allowed: {', '.join(self.allowed)}" if allowed else "")

    def __str__(self) -> str:
        """Return the message with its hint: in a test it is all that is shown."""
        return f"{self.message} {self.hint}".strip()

    @staticmethod
    def invalid(field: str, reason: str, allowed: Sequence[object] = ()) -> ControlError:
        """Return the error that a field is wrong."""
        return ControlInvalidError(f"{field}_invalid", f"{field} : {reason}.", allowed)

    @staticmethod
    def not_found(code: str, message: str, allowed: Sequence[object] = ()) -> ControlError:
        """Return the error that something does not exist; `allowed` names what does."""
        return ControlNotFoundError(code, message, allowed)

    @staticmethod
    def conflict(code: str, message: str, allowed: Sequence[object] = ()) -> ControlError:
        """Return the error that the emulator's state does not allow a call."""
        return ControlConflictError(code, message, allowed)


class ControlInvalidError(ControlError):
    """A field is missing or wrong."""

    kind = Kind.INVALID


class ControlNotFoundError(ControlError):
    """There is no such card, rule, call or webhook."""

    kind = Kind.NOT_FOUND


class ControlConflictError(ControlError):
    """The state does not allow it: an assertion failed, or a call cannot be replayed."""

    kind = Kind.CONFLICT


ERRORS = {error.kind: error for error in (ControlInvalidError, ControlNotFoundError, ControlConflictError)}
"""The class of each kind, for clients that read an error from its status."""
