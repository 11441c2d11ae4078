"""Errors on the wire: one shape for all, with the texts of the published document."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from tokenvault_contract.problems import PROBLEMS, ErrorBody, Kind
from tokenvault_server.api.call import Reply, Request
from tokenvault_server.api.help_texts import help_for
from tokenvault_server.errors import MethodNotAllowedError, VaultError

logger = logging.getLogger(__name__)

_WITH_NOTE = frozenset({Kind.INVALID, Kind.NOT_FOUND})
WITHOUT_HELP = frozenset({Kind.UNAUTHENTICATED, Kind.RATE_LIMITED})  # the published schemas of 401 and 429 have none


def render(error: VaultError, request: Request) -> Reply:
    """Return the reply that reports an error; it repeats nothing that the caller sent."""
    problem = PROBLEMS[error.kind]
    code = error.code
    if problem.status >= 500:
        details = {"request_id": request.request_id, "code": code, "reason": error.message, "hint": error.hint}
        logger.error("call failed", extra=details)
    if error.kind is Kind.INTERNAL:
        error = VaultError()  # the log has the details; the caller has the request id to find them by
    body = ErrorBody(error.message, error.code, problem.wire_type)
    if error.kind not in WITHOUT_HELP:
        text = help_for(error)
        if request.help_note and error.kind in _WITH_NOTE:
            text = f"{text} {request.help_note}"
        body = ErrorBody(error.message, error.code, problem.wire_type, text)
    reply = Reply(problem.status, request.shape.render_error(body), code=code)
    if isinstance(error, MethodNotAllowedError):
        reply.headers.append((b"allow", ", ".join(error.allowed).encode()))
    return reply


def internal(failure: Mapping[str, object], request: Request) -> Reply:
    """Return the reply to an unforeseen failure: the log says where it was, the caller has the request id."""
    logger.error("unforeseen failure", extra={"request_id": request.request_id, **failure})
    return render(VaultError(), request)
