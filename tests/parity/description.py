"""Outcomes of calls as flat tables of JSON values, so that two packages can be compared field by field.

It runs inside the environments of both packages, with the standard library only.
"""

from __future__ import annotations

import ast
import json
import pprint
import re
from collections.abc import Iterator, Mapping
from typing import Any

DATE = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")
CRYPTOGRAM = re.compile(r'(?<="cryptogram":")[^"]+')
COMPARED_MODULES = ("cashfree_pg", "builtins")


def table(value: object) -> dict[str, Any]:
    """Return a result or an exception as a table from paths to values."""
    return dict(_flat("", _described(value)))


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _flat(f"{path}.{name}" if path else str(name), each)
    else:
        yield path, value


def _described(value: Any) -> Any:
    if isinstance(value, BaseException):
        return _exception(value)
    if hasattr(value, "raw_data"):
        return _response(value)
    if hasattr(value, "to_dict"):
        return _model(value)
    if isinstance(value, Mapping):
        return {str(name): _described(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return {str(number): _described(each) for number, each in enumerate(value)} | {"length": len(value)}
    return (
        _text(value)
        if isinstance(value, str)
        else value
        if value is None or type(value) in (bool, int)
        else _kind(value)
    )


def _exception(error: BaseException) -> dict[str, Any]:
    attributes = {name: getattr(error, name) for name in ("status", "reason", "body") if hasattr(error, name)}
    headers = getattr(error, "headers", None)
    return {
        "raised": type(error).__name__,
        "module": type(error).__module__.partition(".")[0],
        "chain": [
            each.__name__ for each in type(error).__mro__ if each.__module__.partition(".")[0] in COMPARED_MODULES
        ],
        "headers": _headers(headers) if isinstance(headers, Mapping) else headers,
        "text": _text(str(error)) if hasattr(error, "status") else None,
        **{name: _described(each) for name, each in attributes.items()},
    }


def _response(response: Any) -> dict[str, Any]:
    return {
        "class": type(response).__name__,
        "status_code": response.status_code,
        "headers": _headers(response.headers),
        "headers are case-insensitive": response.headers["CONTENT-TYPE"] == response.headers["content-type"],
        "raw": [type(response.raw_data).__name__, _text(_decoded(response.raw_data))],
        "data": _described(response.data),
    }


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): _text(value) for name, value in headers.items()}


def _model(model: Any) -> dict[str, Any]:
    """Return the fields of a model, and whether its texts are those of the standard library."""
    fields, text = model.to_dict(), model.to_str()
    parsed = ast.literal_eval(text)
    return {
        "class": type(model).__name__,
        "order": list(fields),
        "fields": {name: _described(_hidden(name, each)) for name, each in fields.items()},
        "to_json is json.dumps of them": model.to_json() == json.dumps(fields),
        "to_str is pprint": text == pprint.pformat(parsed),
        "to_str": {name: _described(_hidden(name, each)) for name, each in parsed.items()},
    }


def _hidden(name: str, value: Any) -> Any:
    return f"<{len(value)} characters>" if name == "cryptogram" and value else value


def _decoded(raw: str | bytes) -> str:
    return raw.decode() if isinstance(raw, bytes) else raw


def _kind(value: object) -> str:
    return f"<{type(value).__name__}>"


def _text(text: str) -> str:
    """Replace the values that differ from call to call."""
    return CRYPTOGRAM.sub("<cryptogram>", DATE.sub("<date>", text))
