"""Errors on the wire: one shape for all, in the words of the published document."""

from __future__ import annotations

import logging

from tokenvault_contract.problems import PROBLEMS, ErrorBody, Kind
from tokenvault_server.api import versions
from tokenvault_server.api.call import Call, Reply
from tokenvault_server.errors import MethodNotAllowedError, VaultError

logger = logging.getLogger(__name__)

HELP = "Check the message and the code against the error reference of the API documentation."
_WITHOUT_HELP = frozenset({Kind.UNAUTHENTICATED, Kind.RATE_LIMITED})  # the published schemas of 401 and 429 have none


def render(error: VaultError, call: Call) -> Reply:
    """Give the reply that tells a caller of an error, and nothing that the caller sent."""
    problem = PROBLEMS[error.kind]
    call.problem = error.code
    if problem.status >= 500:
        message = {"request_id": call.request_id, "code": error.code, "reason": error.message, "hint": error.hint}
        logger.error("call failed", extra=message)
    if error.kind is Kind.INTERNAL:
        error = VaultError()  # what is wrong inside is for the log; the caller has the request id to find it by
    body = ErrorBody(error.message, error.code, problem.wire_type)
    if error.kind not in _WITHOUT_HELP:
        body = ErrorBody(error.message, error.code, problem.wire_type, HELP)
    reply = Reply(problem.status, versions.render(body, call.version))
    if isinstance(error, MethodNotAllowedError):
        reply.headers.append((b"allow", ", ".join(error.allowed).encode()))
    return reply


def internal(error: Exception, call: Call) -> Reply:
    """Give the reply for what nobody foresaw: the log has its place in the code, the caller has the request id."""
    logger.error("unforeseen failure", exc_info=error, extra={"request_id": call.request_id})
    return render(VaultError(), call)
