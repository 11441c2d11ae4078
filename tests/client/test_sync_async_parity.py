"""`Client` and `AsyncClient` have the same methods, arguments and documentation."""

from __future__ import annotations

import inspect

import pytest

from tokenvault_client import AsyncClient, Client
from tokenvault_contract.operations import OPERATIONS

METHODS = sorted(name for name, member in inspect.getmembers(Client, inspect.isroutine) if not name.startswith("_"))


def test_both_have_the_same_methods() -> None:
    assert sorted(name for name in dir(AsyncClient) if not name.startswith("_")) == METHODS


def test_every_operation_of_the_contract_is_a_method() -> None:
    assert {operation.key for operation in OPERATIONS} | {"close", "from_env", "with_options"} == set(METHODS)


@pytest.mark.parametrize("name", ["__init__", *METHODS])
def test_a_method_has_the_same_signature_in_both(name: str) -> None:
    one, other = (inspect.signature(getattr(kind, name)) for kind in (Client, AsyncClient))
    assert list(one.parameters.values()) == list(other.parameters.values())
    assert one.return_annotation == other.return_annotation


@pytest.mark.parametrize("name", METHODS)
def test_a_method_has_the_same_documentation_in_both(name: str) -> None:
    documentation = inspect.getdoc(getattr(Client, name))
    assert documentation
    assert documentation == inspect.getdoc(getattr(AsyncClient, name))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.key)
def test_only_the_methods_of_the_async_client_are_coroutines(operation: object) -> None:
    name = operation.key  # type: ignore[attr-defined]
    assert inspect.iscoroutinefunction(getattr(AsyncClient, name))
    assert not inspect.iscoroutinefunction(getattr(Client, name))
    assert all(
        parameter.kind is parameter.KEYWORD_ONLY
        for parameter in inspect.signature(getattr(Client, name)).parameters.values()
        if parameter.default is not parameter.empty
    )


def test_the_classes_differ_only_in_the_first_line_of_their_documentation() -> None:
    one, other = ((inspect.getdoc(kind) or "").splitlines()[1:] for kind in (Client, AsyncClient))
    assert one == other
