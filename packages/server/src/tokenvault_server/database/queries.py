"""Named SQL beside the Python that uses it, written once for every engine.

A `.sql` file holds statements under `-- name --` headers, each with a line that says why it exists. Parameters are
written `:name`. An engine asks for the text with its own placeholders; they are numbered by first appearance, so that
the values have one order whichever engine binds them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.resources import files
from operator import itemgetter
from typing import NamedTuple

Value = str | int | bytes | None

Placeholder = Callable[[int], str]
"""Returns how an engine writes the placeholder of the parameter with a number, which counts from 1."""

_HEADER = re.compile(r"^-- ([a-z][a-z0-9_]*) --$", re.MULTILINE)
_PARAMETER = re.compile(r"(?<![:\w]):([a-z][a-z0-9_]*)")
_COMMENT = re.compile(r"^--.*$", re.MULTILINE)

CREATE_INDEX = re.compile(r"CREATE (?:UNIQUE )?INDEX (\w+) ON (\w+)")
"""A statement that creates an index: its name and its table."""


class _Compiled(dict[Placeholder, str]):
    """The text of one query by placeholder style, compiled at first use: a hit costs no call of Python code."""

    __slots__ = ("_parameters", "_text")

    def __init__(self, text: str, parameters: tuple[str, ...]) -> None:
        super().__init__()
        self._text = text
        self._parameters = parameters

    def __missing__(self, placeholder: Placeholder) -> str:
        placeholders = {name: placeholder(number) for number, name in enumerate(self._parameters, 1)}
        text = _PARAMETER.sub(lambda match: placeholders[match[1]], self._text)
        self[placeholder] = text
        return text


class Query:
    """One named statement. Calling it with its parameters gives a `Statement`."""

    __slots__ = ("_in_order", "compiled", "name", "parameters", "reads", "text")

    def __init__(self, name: str, text: str) -> None:
        """Read the names of the parameters out of `text`."""
        self.name = name
        self.text = text
        self.parameters = tuple(dict.fromkeys(_PARAMETER.findall(text)))
        # A getter of several names gives a tuple at once; of one or none it would not.
        self._in_order = itemgetter(*self.parameters) if len(self.parameters) > 1 else self._one_by_one
        self.reads = text.lstrip()[:6].upper() == "SELECT"
        self.compiled = _Compiled(text, self.parameters)
        """The text for an engine, by the function that writes its placeholders."""

    def __call__(self, **values: Value) -> Statement:
        """Bind every parameter by name; a missing or unknown name is a KeyError or TypeError at once."""
        if len(values) != len(self.parameters):
            message = f"{self.name} takes {', '.join(self.parameters) or 'no parameters'}"
            raise TypeError(message)
        return Statement(self, self._in_order(values))

    def _one_by_one(self, values: dict[str, Value]) -> tuple[Value, ...]:
        return tuple([values[name] for name in self.parameters])


class IndexBuild(Query):
    """A `CREATE INDEX` on a table in use, which an engine may carry out outside of the transaction that yields it."""

    __slots__ = ("index",)

    def __init__(self, name: str, text: str) -> None:
        """Read the index's name out of `text`.

        Raises:
            ValueError: the statement is no `CREATE INDEX`.
        """
        super().__init__(name, text)
        created = CREATE_INDEX.match(text)
        if created is None:
            message = f"{name}: only CREATE INDEX can be carried out outside of a transaction"
            raise ValueError(message)
        self.index = created[1]


class Statement(NamedTuple):
    """A query with its values, ready for an engine."""

    query: Query
    values: tuple[Value, ...]

    def __repr__(self) -> str:
        """Name the query; its values stay out of logs."""
        return f"Statement({self.query.name})"


def parse(text: str) -> dict[str, Query]:
    """Return the queries of a `.sql` text by name."""
    parts = _HEADER.split(text)[1:]
    return {
        name: Query(name, _COMMENT.sub("", body).strip().rstrip(";"))
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }


def load(package: str, file: str) -> dict[str, Query]:
    """Return the queries of a `.sql` file that lies in a package."""
    return parse(files(package).joinpath(file).read_text(encoding="utf-8"))
