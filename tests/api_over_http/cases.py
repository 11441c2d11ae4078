"""Checks that hold for every answer of ours, and how to recognise the server's own bare errors."""

from __future__ import annotations

from tests.support.http_client import Answer
from tokenvault_contract.headers import IDEMPOTENCY_KEY, RESPONSE_HEADERS

ALWAYS = set(RESPONSE_HEADERS) - {IDEMPOTENCY_KEY}  # the key is echoed when one was sent
ERROR_FIELDS = ["message", "code", "type", "help"]
WITHOUT_HELP = {401, 429}


def assert_ours(answer: Answer | None) -> Answer:
    """Gives the answer, which must be JSON and carry every documented header."""
    assert answer is not None, "closed without an answer"
    assert answer.headers.get("content-type") == "application/json", answer
    assert ALWAYS - answer.headers.keys() == set(), answer
    assert answer.headers["content-length"] == str(len(answer.body))
    return answer


def assert_refused(answer: Answer | None, status: int, code: str) -> None:
    """Demands an error in Cashfree's format, field by field and in its order."""
    answer = assert_ours(answer)
    body = answer.json()
    assert (answer.status, body["code"]) == (status, code), answer
    assert list(body) == (ERROR_FIELDS[:3] if status in WITHOUT_HELP else ERROR_FIELDS)
    assert all(isinstance(words, str) and words for words in body.values())


def assert_turned_away(answer: Answer | None) -> None:
    """Check that what is not HTTP ends in a closed connection or a bare error."""
    assert answer is None or 400 <= answer.status < 500, answer
