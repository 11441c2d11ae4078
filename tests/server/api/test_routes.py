"""A path names an operation and its ids, which are decoded exactly once and can never change the route."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenvault_contract.operations import BASE_PATH, OPERATIONS, Operation
from tokenvault_server.api.routes import Routes
from tokenvault_server.errors import InvalidFieldError, MethodNotAllowedError, RouteNotFoundError, VaultError

resolve = Routes(OPERATIONS).resolve
ONE = b"/pg/customers/c/instruments/i"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.key)
def test_every_operation_is_found_by_its_method_and_path(operation: Operation) -> None:
    names = re.findall(r"\{(\w+)\}", operation.path)
    path = BASE_PATH + re.sub(r"\{(\w+)\}", r"the-\1", operation.path)
    assert resolve(operation.method, path.encode()) == (operation, tuple(f"the-{name}" for name in names))


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"a%2Fb", "a/b"),
        (b"a%252Fb", "a%2Fb"),
        (b"%E0%A4%97", "ग"),
        ("ग".encode(), "ग"),
        (b"a+b", "a+b"),
        (b"a%20b", "a b"),
        (b"%7Ba", "{a"),
        (b"%41", "A"),
    ],
)
def test_an_id_is_decoded_once(raw: bytes, text: str) -> None:
    _, (_, instrument_id) = resolve("GET", b"/pg/customers/c/instruments/" + raw)
    assert instrument_id == text


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b".",
        b"..",
        b"%2E%2E",
        b"%2e",
        b"%7Binstrument_id%7D",
        b"{instrument_id}",
        b"a%00b",
        b"a%0Ab",
        b"%",
        b"%4",
        b"%zz",
        b"a%4",
        b"%FF",
        b"\xff",
        b"%ED%A0%80",
        b"x" * 129,
        b"4706131211212123",
        b"4706%201312%201121%202123",
    ],
)
@pytest.mark.parametrize("field", ["customer_id", "instrument_id"])
def test_what_cannot_be_an_id_is_named_by_its_field(raw: bytes, field: str) -> None:
    ids = (raw, b"i") if field == "customer_id" else (b"c", raw)
    with pytest.raises(InvalidFieldError) as caught:
        resolve("GET", b"/pg/customers/%b/instruments/%b" % ids)
    assert caught.value.code == f"{field}_invalid"


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"/",
        b"*",
        b"/pg",
        b"/pg/",
        b"/customers/c/instruments",
        b"//pg/customers/c/instruments",
        b"/pg//customers/c/instruments",
        b"/PG/customers/c/instruments",
        b"/pg/customers/c/instrument",
        b"/pg/customers/c/instruments/i/cryptogram/",
        b"/pg/customers/c/instruments/i/cryptograms",
        b"/pg/customers/c/d/instruments",
        b"/pg/customers%2Fc/instruments",
        b"/pg/customers/c/instruments/../instruments",
    ],
)
def test_other_paths_have_no_operation(path: bytes) -> None:
    with pytest.raises(RouteNotFoundError):
        resolve("GET", path)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", ONE, ("DELETE", "GET")),
        ("HEAD", ONE, ("DELETE", "GET")),
        ("DELETE", b"/pg/customers/c/instruments", ("GET", "POST")),
        ("POST", ONE + b"/cryptogram", ("GET",)),
        ("get", ONE, ("DELETE", "GET")),
    ],
)
def test_a_wrong_method_lists_the_allowed_ones(method: str, path: bytes, allowed: tuple[str, ...]) -> None:
    with pytest.raises(MethodNotAllowedError) as caught:
        resolve(method, path)
    assert caught.value.allowed == allowed


@given(st.text(min_size=1, max_size=40))
def test_no_id_ever_changes_the_route(text: str) -> None:
    path = f"/pg/customers/c/instruments/{quote(text, safe='', errors='surrogatepass')}".encode()
    with suppress(InvalidFieldError):
        operation, ids = resolve("GET", path)
        assert (operation.key, ids) == ("fetch_instrument", ("c", text))


@given(st.binary(max_size=60))
def test_no_path_makes_it_fail_in_another_way(path: bytes) -> None:
    with suppress(VaultError):
        resolve("GET", b"/pg/customers/" + path)
