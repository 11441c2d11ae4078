"""One SQL text, compiled with each engine's placeholders, its parameters checked where it is called."""

from __future__ import annotations

import pytest

from tokenvault_server.database import queries
from tokenvault_server.database.postgres import engine as postgres
from tokenvault_server.database.queries import Query, parse
from tokenvault_server.database.sqlite import engine as sqlite


def test_parameters_are_numbered_by_first_appearance_for_sqlite() -> None:
    assert Query("q", "SELECT :b, :a, :b").compiled[sqlite.placeholder] == "SELECT ?1, ?2, ?1"


def test_parameters_are_numbered_by_first_appearance_for_postgresql() -> None:
    assert Query("q", "SELECT :b, :a, :b").compiled[postgres.placeholder] == "SELECT $1, $2, $1"


def test_values_are_bound_in_the_order_of_the_numbers() -> None:
    assert Query("q", "SELECT :b, :a, :b")(a=1, b=2).values == (2, 1)


def test_a_parameter_whose_name_begins_anothers_is_kept_apart() -> None:
    query = Query("q", "SELECT :at, :attempts")
    assert query.compiled[sqlite.placeholder] == "SELECT ?1, ?2"


def test_a_text_is_compiled_once_for_each_engine() -> None:
    asked: list[int] = []

    def placeholder(number: int) -> str:
        asked.append(number)
        return f"%{number}"

    query = Query("q", "SELECT :b, :a, :b")
    assert [query.compiled[placeholder] for _ in range(3)] == ["SELECT %1, %2, %1"] * 3
    assert asked == [1, 2]


def test_a_cast_is_not_a_parameter() -> None:
    assert Query("q", "SELECT a::text").parameters == ()


@pytest.mark.parametrize("values", [{}, {"a": 1}, {"a": 1, "b": 2, "c": 3}], ids=["none", "one missing", "one more"])
def test_a_missing_or_further_parameter_is_refused(values: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="q takes b, a"):
        Query("q", "SELECT :b, :a")(**values)


def test_a_parameter_of_another_name_is_refused() -> None:
    with pytest.raises(KeyError):
        Query("q", "SELECT :b, :a")(a=1, c=2)


def test_a_statement_shows_its_name_and_no_value() -> None:
    assert repr(Query("load_card", "SELECT :a")(a="secret")) == "Statement(load_card)"


def test_a_file_is_split_at_its_headers() -> None:
    parsed = parse("-- one --\n-- Why.\nSELECT 1;\n\n-- two --\n-- Why.\nSELECT :a\nFROM t;\n")
    assert {name: query.text for name, query in parsed.items()} == {"one": "SELECT 1", "two": "SELECT :a\nFROM t"}


@pytest.mark.parametrize("file", ["audit", "instruments", "merchants", "outbox", "tokens"])
def test_every_statement_of_the_store_is_loaded_without_its_comment(file: str) -> None:
    loaded = queries.load("tokenvault_server.store", f"{file}.sql")
    assert loaded
    assert all(not query.text.startswith("--") for query in loaded.values())
