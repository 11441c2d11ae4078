"""Named SQL beside the Python that uses it, written once and compiled for each engine.

A `.sql` file holds statements under `-- name --` headers, each with a line that says why it exists. Parameters are
written `:name`. SQLite gets them as `?1, ?2`, PostgreSQL as `$1, $2`, numbered by first appearance: SQLite would bind
`$2, $1` in order of appearance, whatever the numbers say.
"""

from __future__ import annotations

import re
from importlib.resources import files
from operator import itemgetter
from typing import NamedTuple

Value = str | int | bytes | None

_HEADER = re.compile(r"^-- ([a-z][a-z0-9_]*) --$", re.MULTILINE)
_PARAMETER = re.compile(r"(?<![:\w]):([a-z][a-z0-9_]*)")
_COMMENT = re.compile(r"^--.*$", re.MULTILINE)


class Query:
    """One named statement. Calling it with its parameters gives a `Statement`."""

    __slots__ = ("_in_order", "name", "parameters", "postgres", "reads", "sqlite")

    def __init__(self, name: str, text: str) -> None:
        """Compile `text` for both engines."""
        self.name = name
        self.parameters = tuple(dict.fromkeys(_PARAMETER.findall(text)))
        # A getter of several names gives a tuple at once; of one or none it would not.
        self._in_order = itemgetter(*self.parameters) if len(self.parameters) > 1 else self._one_by_one
        self.reads = text.lstrip()[:6].upper() == "SELECT"
        self.sqlite = self._compile(text, "?")
        self.postgres = self._compile(text, "$")

    def _compile(self, text: str, mark: str) -> str:
        numbers = {name: str(number) for number, name in enumerate(self.parameters, 1)}
        return _PARAMETER.sub(lambda match: mark + numbers[match[1]], text)

    def __call__(self, **values: Value) -> Statement:
        """Bind every parameter by name; a missing or unknown name is a KeyError or TypeError at once."""
        if len(values) != len(self.parameters):
            message = f"{self.name} takes {', '.join(self.parameters) or 'no parameters'}"
            raise TypeError(message)
        return Statement(self, self._in_order(values))

    def _one_by_one(self, values: dict[str, Value]) -> tuple[Value, ...]:
        return tuple([values[name] for name in self.parameters])


class Statement(NamedTuple):
    """A query with its values, ready for an engine."""

    query: Query
    values: tuple[Value, ...]

    def __repr__(self) -> str:
        """Name the query; its values stay out of logs."""
        return f"Statement({self.query.name})"


def parse(text: str) -> dict[str, Query]:
    """Give the queries of a `.sql` text by name."""
    parts = _HEADER.split(text)[1:]
    return {
        name: Query(name, _COMMENT.sub("", body).strip().rstrip(";"))
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }


def load(package: str, file: str) -> dict[str, Query]:
    """Give the queries of a `.sql` file that lies in a package."""
    return parse(files(package).joinpath(file).read_text(encoding="utf-8"))
