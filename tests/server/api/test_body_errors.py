"""An error of the body names the field and says what it must be, and never shows a value or a name of the caller."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.server.api.calls import ENROLMENT
from tests.support.clock import NOW
from tests.support.emulator_process import Emulator, emulator, enrolment, instruments
from tests.support.raw_socket import exchange, request
from tokenvault_server.api.call import INCOMPLETE
from tokenvault_server.api.enrolment import read
from tokenvault_server.domain.identifiers import CustomerId, MerchantId
from tokenvault_server.errors import VaultError

FIELDS = (
    ("instrument_type",),
    ("afa_reference",),
    ("card",),
    ("card", "card_number"),
    ("card", "card_expiry_mm"),
    ("card", "card_expiry_yy"),
    ("card", "card_holder_name"),
    ("consent",),
    ("consent", "given_at"),
    ("consent", "text_version"),
)
OBJECTS = {(): "the body", ("card",): "card", ("consent",): "consent"}
MARK = "s3cr3t"
WRONG_TYPES: list[Any] = [None, True, 17, 1.5, [], [MARK], [[]]]
WRONG_TEXTS = [f"{MARK} \n", f"{MARK}\u202e\x00", f"{MARK} 4706131211212123", MARK + "x" * 200 + "\x07"]


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with emulator("--no-rate-limits") as running:
        yield running


def with_value(path: tuple[str, ...], value: Any, body: Any = ENROLMENT) -> Any:
    changed = copy.deepcopy(body)
    *parents, last = path
    part = changed
    for each in parents:
        part = part[each]
    part[last] = value
    return changed


def without(path: tuple[str, ...]) -> Any:
    changed = copy.deepcopy(ENROLMENT)
    *parents, last = path
    part: Any = changed
    for each in parents:
        part = part[each]
    del part[last]
    return changed


def error_of(body: object) -> VaultError:
    packed = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(VaultError) as refused:
        read(packed, MerchantId("mer_1"), CustomerId("customer-1"), NOW)
    return refused.value


@pytest.mark.parametrize("path", FIELDS, ids=".".join)
def test_a_field_of_another_type_is_named_with_its_type(path: tuple[str, ...]) -> None:
    wanted = "an object" if len(path) == 1 and path[0] in ENROLMENT and path in OBJECTS else "text"
    for value in [*WRONG_TYPES, *([{}, {MARK: 1}] if wanted == "text" else ["", MARK])]:
        error = error_of(with_value(path, value))
        assert error.message == f"{'.'.join(path).removeprefix('card.')} : must be {wanted}.", value
        assert error.__context__ is None


@pytest.mark.parametrize("path", [path for path in FIELDS if path not in OBJECTS], ids=".".join)
@pytest.mark.parametrize("text", WRONG_TEXTS)
def test_a_text_that_cannot_be_used_is_named_with_its_rule(path: tuple[str, ...], text: str) -> None:
    message = error_of(with_value(path, text)).message
    assert path[-1] in message
    assert " must be " in message
    assert MARK not in message


@pytest.mark.parametrize("path", [path for path in FIELDS if path[-1] != "card_holder_name"], ids=".".join)
def test_an_absent_field_is_named(path: tuple[str, ...]) -> None:
    error = error_of(without(path))
    assert error.message == f"{'.'.join(path).removeprefix('card.')} : is missing in the request."


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: ".".join(path) or "body")
@pytest.mark.parametrize("name", ["cvv", "4706131211212123", MARK, "card_numer", "at `$.consent`", "", "\x00", "`"])
def test_an_unknown_field_is_answered_with_the_known_ones(path: tuple[str, ...], name: str) -> None:
    error = error_of(with_value((*path, name), MARK))
    inside = error.message.partition(" fields are: ")[2].split(", ")
    assert error.code == "request_invalid"
    assert inside in [[*ENROLMENT], [*ENROLMENT["card"]], [*ENROLMENT["consent"]]]
    if name != "at `$.consent`":
        assert error.message.startswith(OBJECTS[path])
        assert inside == list(ENROLMENT[path[0]] if path else ENROLMENT)
    assert not name or name.isspace() or name == "`" or name not in error.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "the body is not JSON in UTF-8"),
        (b"{'a': 1}", "the body is not JSON in UTF-8, at byte 1"),
        (b"card_number=4706131211212123", "the body is not JSON in UTF-8, at byte 0"),
        (b'{"instrument_type": "card"', "the body is not JSON in UTF-8"),
        (b'{"instrument_type": "\xff"}', "the body is not JSON in UTF-8"),
        (b"[]", "the body must be a JSON object"),
        (b"null", "the body must be a JSON object"),
        (b'"s3cr3t"', "the body must be a JSON object"),
        (INCOMPLETE, "the body did not arrive completely in time"),
    ],
)
def test_a_body_that_is_no_object_is_described(body: bytes, message: str) -> None:
    error = error_of(body)
    assert (error.code, error.message.startswith(message)) == ("request_invalid", True), error.message


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(MARK) | st.text(max_size=5).map(lambda text: MARK + text),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3).map(lambda x: MARK + x), inner),
    max_leaves=4,
)


@given(st.sampled_from(FIELDS), ANY)
def test_no_error_shows_what_was_sent(path: tuple[str, ...], value: Any) -> None:
    if path[-1] in {"card_holder_name", "afa_reference", "text_version"} and isinstance(value, str):
        return  # it can be right
    error = error_of(with_value(path, value))
    assert MARK not in f"{error.message} {error.hint} {error.code} {error!r}"
    assert path[-1] in error.message or path[0] in error.message


@pytest.mark.parametrize("path", FIELDS, ids=".".join)
def test_the_caller_is_told_the_field_over_the_socket(running: Emulator, path: tuple[str, ...]) -> None:
    status, body = running.ask("POST", instruments("a"), with_value(path, [MARK], enrolment()))
    assert (status, path[-1] in body["message"], MARK in str(body)) == (400, True, False)
    assert " must be " in body["message"]


@pytest.mark.parametrize("version", ["2022-01-01", "2023-08-01", "2026-01-01"])
def test_the_message_is_the_same_in_every_version(running: Emulator, version: str) -> None:
    with running.connection(version) as connection:
        body = connection.ask("POST", instruments("a"), with_value(("card", "card_number"), 17, enrolment())).json()
    assert body["message"] == "card_number : must be text."


def test_a_body_that_is_cut_off_is_called_incomplete(running: Emulator) -> None:
    head = request("/pg" + instruments("a"), running.headers(), "POST", extra=b"content-length: 100\r\n")
    answer = exchange(running.base_url, head, b'{"card"', ends=True)
    assert answer is None or answer.json()["message"] == "the body did not arrive completely in time"
