"""What a setting may be, in words, and what is wrong with one that is not: from the types of the fields alone.

No message shows a value, because a setting may be secret.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import inspect

from tokenvault_server.errors import SettingsError

_STEP: Final = re.compile(r"\.(\w+)|(\[[^\]]*\])")
_PATH: Final = re.compile(r"`\$([^`]*)`$")
_UNKNOWN: Final = re.compile(r"unknown field `([^`]*)`")
_MISSING: Final = re.compile(r"missing required field `([^`]*)`")


def fault(error: msgspec.ValidationError, kind: type[msgspec.Struct], where: str = "") -> SettingsError:
    """Return the error for a table that is not of a kind; `where` names the table in the file."""
    text = str(error)
    location = _PATH.search(text)
    path = location[1] if location else ""
    info = _type_at(inspect.type_info(kind), path)
    name = f"{where}{path}".removeprefix(".")
    if unknown := _UNKNOWN.search(text):
        return unknown_name(unknown[1], _fields(info), where=name)
    if missing := _MISSING.search(text):
        needed = "" if name.startswith("[") else "the setting "
        return SettingsError(f"{needed}{name or kind.__name__} needs '{missing[1]}'", hint=f"it must be {words(info)}")
    return SettingsError(f"the setting '{name}' must be {words(info)}")


def unknown_name(name: str, known: Iterable[str], *, where: str = "", otherwise: str = "") -> SettingsError:
    """Return the error for a name that no setting has, with the most similar one, or all of them."""
    names = list(known)
    nearest = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean '{nearest[0]}'?" if nearest else otherwise or f"it may have {', '.join(names)}"
    return SettingsError(f"{where} has no setting '{name}'" if where else f"there is no setting '{name}'", hint=hint)


def words(info: inspect.Type) -> str:
    """Return what a value may be, to follow the words "must be"."""
    match info:
        case inspect.VarTupleType(item_type=item):
            return f"a list, and each item {words(item)}"
        case inspect.DictType(value_type=value):
            return f"a table, and each value {words(value)}"
        case inspect.StructType():
            return f"a table with {', '.join(_fields(info))}"
        case _:
            return _words_of_one(info)


def _words_of_one(info: inspect.Type) -> str:
    """Return what a single value may be. Secret settings are text, too."""
    match info:
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(str(value) for value in values)}"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=least, le=most):
            return f"a whole number{_bounds(None, least, most)}"
        case inspect.FloatType(gt=over, le=most):
            return f"a number{_bounds(over, None, most)}"
        case inspect.DateType():
            return "a date such as 2026-12-31"
        case _:
            return "text"


def _bounds(over: float | None, least: float | None, most: float | None) -> str:
    """Return the range of a number."""
    if least is not None and most is not None:
        return f" from {least} to {most}"
    lower = f" over {over}" if over is not None else f" of at least {least}" if least is not None else ""
    upper = f" of at most {most}" if most is not None else ""
    return f"{lower} and{upper}" if lower and upper else lower + upper


def _type_at(info: inspect.Type, path: str) -> inspect.Type:
    """Return the type at a path of a library's message, such as `.card_ranges[0].network`."""
    for name, _ in _STEP.findall(path):
        match info:
            case inspect.StructType(fields=fields) if name:
                info = next((field.type for field in fields if field.name == name), info)
            case inspect.VarTupleType(item_type=inner) | inspect.DictType(value_type=inner):
                info = inner
    return info


def _fields(info: Any) -> list[str]:  # noqa: ANN401  # only a struct has fields
    return [field.name for field in getattr(info, "fields", ())]
