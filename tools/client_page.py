"""Write docs/reference/client.md from the signatures and docstrings of the client: `make reference`.

The page contains all public names, so a change of the public surface shows as a change of the page.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final, ForwardRef

import tokenvault_client
from tokenvault_client import Client, cashfree, errors, integration, results, transports, webhooks

PAGE: Final = Path(__file__).parents[1] / "docs" / "reference" / "client.md"

_HEAD: Final = """\
# The Python client

<!-- Written by tools/client_page.py; a test compares. -->

The public names of `tokenvault_client`. Names that begin with an underscore may change at any time. For its use, see
[how to use the Python client](../how-to/use-the-python-client.md).
"""
_GOOGLE_SECTION: Final = re.compile(r"^(Args|Raises):\n((?: .*\n?|\n(?= ))+)", re.MULTILINE)
_ERRORS: Final = [getattr(errors, name) for name in dir(errors) if name.endswith("Error")]


def page() -> str:
    """Return the text of the page."""
    return (
        "\n".join(
            [
                _HEAD,
                *_section("From the package", _exported()),
                *_section("Client and AsyncClient", _client()),
                *_section("Results", _structs(results)),
                *_section("Errors", _errors()),
                *_section("Webhooks", _webhooks()),
                *_section("Transports", _transports()),
                *_section(
                    "Beside the official SDK", _function("cashfree.route_token_vault", cashfree.route_token_vault)
                ),
                *_section("Integration", _integration()),
            ]
        ).rstrip()
        + "\n"
    )


def _section(title: str, lines: Iterator[str]) -> list[str]:
    return [f"## {title}", "", *lines]


def _exported() -> Iterator[str]:
    yield from ("```python", "from tokenvault_client import (")
    yield from (f"    {name}," for name in sorted(tokenvault_client.__all__))
    yield from (")", "```", "")


def _client() -> Iterator[str]:
    yield from (_doc(Client), "", "`AsyncClient` has the same methods, as coroutines.", "")
    yield from _function("Client", Client.__init__)
    for name in _public(Client):
        yield from _function(name, getattr(Client, name))


def _structs(module: ModuleType) -> Iterator[str]:
    for name, struct in inspect.getmembers(module, inspect.isclass):
        if struct.__module__ != module.__name__:
            continue
        yield from (f"### `{name}`", "", _doc(struct), "")
        yield from (*_fields(struct), "")
        properties = inspect.getmembers(struct, lambda member: isinstance(member, property))
        yield from (f"- `{field}`: {_doc(each)}" for field, each in properties)
        yield from [""] * bool(properties)


def _errors() -> Iterator[str]:
    yield from ("| error | is a | when |", "| --- | --- | --- |")
    for error in sorted(_ERRORS, key=lambda each: [base.__name__ for base in reversed(each.__mro__)]):
        if issubclass(error, errors.TokenVaultError):
            yield f"| `{error.__name__}` | `{error.__bases__[0].__name__}` | {' '.join(_doc(error).split())} |"
    yield ""
    names = ", ".join(f"`{name}`" for name in inspect.signature(errors.APIError).parameters)
    yield from (f"An `APIError` has the attributes {names}.", "")


def _webhooks() -> Iterator[str]:
    for function in (webhooks.verify, webhooks.sign_for_test):
        yield from _function(f"webhooks.{function.__name__}", function)
    yield from _structs(webhooks)


def _transports() -> Iterator[str]:
    yield from ("```python", "from tokenvault_client.transports import (")
    yield from (f"    {name}," for name in transports.__all__)
    yield from (")", "```", "")
    for name in ("send", "close"):
        yield from _function(f"Transport.{name}", getattr(transports.Transport, name))
    yield from ("### `Connecting`", "", _doc(transports.Connecting), "", *_fields(transports.Connecting), "")


def _integration() -> Iterator[str]:
    yield from (_doc(integration), "")
    for name in integration.__all__:
        member = getattr(integration, name)
        if inspect.isfunction(member):
            yield from _function(f"integration.{name}", member)
        elif hasattr(member, "cache_info"):
            yield from _function(f"integration.{name}", member.__wrapped__)
        elif inspect.isclass(member):
            yield from (f"### `integration.{name}`", "", _doc(member), "")
            if hasattr(member, "_fields"):
                yield from (*_fields(member), "")
            for method in _methods(member):
                yield from _function(f"{name}.{method}", getattr(member, method))
        else:
            shown = member if isinstance(member, str) else ", ".join(member)
            yield from (f"### `integration.{name}`", "", f"`{shown}`", "")


def _fields(struct: type) -> Iterator[str]:
    yield from ("| field | type |", "| --- | --- |")
    yield from (f"| `{field}` | `{_in_table(kind)}` |" for field, kind in struct.__annotations__.items())


def _function(name: str, function: Callable[..., Any]) -> Iterator[str]:
    yield from (f"### `{name}`", "", "```text", *_signature(name, function), "```", "", _doc(function), "")


def _signature(name: str, function: Callable[..., Any]) -> Iterator[str]:
    signature = inspect.signature(function)
    taken = [parameter for parameter in signature.parameters.values() if parameter.name != "self"]
    called, gives = name.rpartition(".")[2], f" -> {_type(signature.return_annotation)}"
    if not taken:
        yield f"{called}(){gives}"
        return
    yield f"{called}("
    star = False
    for parameter in taken:
        if parameter.kind is parameter.KEYWORD_ONLY and not star:
            star = True
            yield "    *,"
        yield f"    {_parameter(parameter)},"
    yield f"){gives}"


def _parameter(parameter: inspect.Parameter) -> str:
    kind = f"{parameter.name}: {_type(parameter.annotation)}"
    if parameter.default is parameter.empty:
        return kind
    # The default of `from_env` is the whole environment.
    default = repr(parameter.default) if not hasattr(parameter.default, "keys") else "os.environ"
    return f"{kind} = {default}"


def _type(annotation: object) -> str:
    return annotation.__forward_arg__ if isinstance(annotation, ForwardRef) else str(annotation)


def _in_table(annotation: object) -> str:
    return _type(annotation).replace("|", r"\|")


def _doc(thing: object) -> str:
    """Return a docstring in Markdown, with each Google section as a list."""
    return _GOOGLE_SECTION.sub(_list, inspect.getdoc(thing) or "").strip()


def _list(section: re.Match[str]) -> str:
    title = {"Args": "Arguments"}.get(section[1], section[1])
    entries = re.split(r"\n    (?=\S)", section[2].rstrip())
    items = [re.sub(r"^\s*(\w+): ", r"- `\1`: ", re.sub(r"\n\s+", "\n  ", entry)) for entry in entries]
    return f"{title}:\n\n" + "\n".join(items) + "\n"


def _methods(thing: type) -> list[str]:
    """Return the methods that a class itself defines."""
    return [name for name in _public(thing) if name in vars(thing)]


def _public(thing: type) -> list[str]:
    return [name for name, member in inspect.getmembers(thing, inspect.isroutine) if not name.startswith("_")]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
