"""Each error says what its caller can do, in words of its own, and leads to its entry in the documentation."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import Any

import pytest

from tests.docs.test_index import sections
from tests.server.api.test_problems import a_request, body_of
from tests.support.emulator_process import Emulator, emulator, enrolment, instruments
from tokenvault_contract.documentation import DOCUMENTATION
from tokenvault_contract.problems import Kind
from tokenvault_contract.versions import SUPPORTED
from tokenvault_server import errors
from tokenvault_server.api import problems
from tokenvault_server.api.help_texts import TEXTS, help_for
from tokenvault_server.errors import InvalidFieldError, MissingFieldError, OperatorError, VaultError

ROOT = Path(__file__).parents[3]
LINK = re.compile(rf"{re.escape(DOCUMENTATION)}/([\w/-]+)\.html(?:#([\w-]+))?")
ARGUMENTS: dict[str, Any] = {
    "field": "card_number",
    "supported": tuple(SUPPORTED),
    "tsp_id": "acme",
    "configured": (),
    "count": 1,
}
CLASSES = [error for _, error in inspect.getmembers(errors, inspect.isclass) if issubclass(error, VaultError)]
FOR_CALLERS = [
    error
    for error in CLASSES
    if error.kind not in {Kind.INTERNAL, Kind.UNAUTHENTICATED, Kind.RATE_LIMITED}
    and not issubclass(error, OperatorError)
]


def instance(error: type[VaultError]) -> VaultError:
    wanted = signature(error).parameters
    return error(**{name: ARGUMENTS[name] for name, each in wanted.items() if each.default is each.empty})


def assert_leads_somewhere(text: str) -> list[tuple[str, str]]:
    """Check that each address in a text is that of a page in `docs/` with that section; return them."""
    links: list[tuple[str, str]] = LINK.findall(text)
    assert len(links) == text.count("://"), text
    for page, section in links:
        written = (ROOT / "docs" / f"{page}.md").read_text()
        assert not section or section in sections(written), f"{page} has no {section}"
    return links


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_the_help_of_every_error_leads_to_its_entry(error: type[VaultError]) -> None:
    made = instance(error)
    body = body_of(problems.render(made, a_request()))
    if made.kind in problems.WITHOUT_HELP:
        assert "help" not in body
        return
    page, section = assert_leads_somewhere(body["help"])[-1]
    assert page == "reference/errors"
    if error in FOR_CALLERS and not isinstance(made, InvalidFieldError | MissingFieldError):
        assert section.endswith(f"-{body['code']}")


def test_every_error_for_callers_has_words_of_its_own() -> None:
    without = [error.__name__ for error in FOR_CALLERS if error not in TEXTS and not _has_base(error)]
    assert without == []
    assert len(set(TEXTS.values())) == len(TEXTS)


def _has_base(error: type[VaultError]) -> bool:
    """Return whether the caller cannot tell a class from its base: they have one code."""
    return any(issubclass(error, base) and base.code == error.code for base in TEXTS if base is not VaultError)


@pytest.mark.parametrize(
    "field", ["card_number", "card_expiry", "afa_reference", "consent.given_at", "host", "customer_id"]
)
@pytest.mark.parametrize("kind", [MissingFieldError, InvalidFieldError])
def test_the_help_of_every_field_leads_to_its_entry(field: str, kind: type[VaultError]) -> None:
    assert_leads_somewhere(help_for(kind(field)))


def test_no_help_is_longer_than_a_client_shows() -> None:
    assert max(len(help_for(instance(error))) for error in CLASSES) <= 400


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with emulator("--no-rate-limits") as running:
        yield running


CALLS: dict[str, tuple[str, str, Any, dict[str, str]]] = {
    "card_not_supported": ("POST", instruments("a"), enrolment("4111111111111111"), {}),
    "card_number_invalid": ("POST", instruments("a"), enrolment("4706131211212124"), {}),
    "request_invalid": ("POST", instruments("a"), {"cvv": "1"}, {}),
    "instrument_type_missing": ("GET", instruments("a"), None, {}),
    "instrument_type_invalid": ("GET", instruments("a") + "?instrument_type=upi", None, {}),
    "customer_id_invalid": ("GET", "/customers/%00/instruments?instrument_type=card", None, {}),
    "x-request-id_invalid": ("GET", instruments("a") + "?instrument_type=card", None, {"x-request-id": "a b"}),
    "x-idempotency-key_invalid": ("DELETE", instruments("a", "i"), None, {"x-idempotency-key": "a b"}),
    "version_missing": ("GET", instruments("a", "i"), None, {"x-api-version": ""}),
    "version_invalid": ("GET", instruments("a", "i"), None, {"x-api-version": "2020-01-01"}),
    "instrument_not_found": ("GET", instruments("a", "i"), None, {}),
    "request_failed": ("GET", "/customers", None, {}),
    "method_not_allowed": ("PUT", instruments("a", "i"), None, {}),
    "request_too_large": ("POST", instruments("a"), {"x": "y" * 20_000}, {}),
}


@pytest.mark.parametrize("code", CALLS)
def test_the_help_of_a_failed_call_leads_to_its_entry(running: Emulator, code: str) -> None:
    method, target, body, headers = CALLS[code]
    with running.connection() as connection:
        answer = connection.ask(method, target, body, headers=headers).json()
    assert answer["code"] == code
    assert assert_leads_somewhere(answer["help"])


def test_a_card_that_is_not_supported_names_the_test_cards_and_the_command(running: Emulator) -> None:
    _, body = running.ask("POST", instruments("a"), enrolment("4111111111111111"))
    assert (body["message"], "`tokenvault cards test`" in body["help"]) == ("card is not supported", True)
    assert ("reference/test-cards", "") in assert_leads_somewhere(body["help"])
