"""The page of all settings."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Any, get_type_hints

import msgspec

from tokenvault_contract.operations import OPERATIONS
from tokenvault_server import settings
from tokenvault_server.domain.secret import Secret
from tokenvault_server.settings import fields
from tools.reference.markdown import NOTE, assembled, prose, table


def page() -> str:
    """Return the page of all settings."""
    documented = _documented_fields(fields)
    defaults = settings.Settings()
    rows = [
        [f"`{name}`", _default(getattr(defaults, name)), _values(name), _environment(name), meaning]
        for name, meaning in documented["Settings"].items()
    ]
    ranges = [[f"`{name}`", str(_range_default(name))] for name in settings.CardRangeSetting.__struct_fields__]
    parts = [
        "# Settings",
        NOTE,
        prose(
            f"A served vault reads `{settings.CONFIG_FILE}`, then the environment, then its command line; later values",
            f"win. The file is the one that `--config` names, else the one that `${settings.PREFIX}CONFIG` names, else",
            "the one in the working directory. Relative paths are relative to the file. An unknown name is an error.",
        ),
        prose(
            "A secret may also be in a separate file; the variable that ends in `_FILE` names it. In the environment,",
            "separate the items of a list with commas.",
        ),
        table(["setting", "default", "values", "environment", "meaning"], rows),
        "## Card ranges",
        "Each `[[card_ranges]]` of the file adds a range to the built-in token service.",
        table(["field", "default"], ranges),
        "## Token service providers",
        prose(
            "Each table `[tsp.NAME]` of the file adds a provider, and `[tsp.routes]` decides which cards go to it.",
            "[Use several token service providers](../how-to/use-several-token-services.md) explains both.",
        ),
        table(["setting", "default", "meaning"], _token_service_rows(documented)),
        "`rate_limit_per_operation` is also a table of the file. Its names are "
        + ", ".join(f"`{operation.key}`" for operation in OPERATIONS)
        + ".",
    ]
    return assembled(parts)


def _token_service_rows(documented: dict[str, dict[str, str]]) -> list[list[str]]:
    """Return the settings of `[tsp]`, of the routes, and of a table with `kind = "local"`."""
    meaning, local = documented["TokenServiceSettings"], documented["LocalProviderSetting"]
    rows = [
        ["`[tsp] allow_local`", "`false`", meaning["allow_local"]],
        ["`[tsp.routes]`", "none", meaning["routes"]],
        ["`[tsp.NAME] kind`", "required", "`local`, or an installed kind, whose other settings are its own."],
    ]
    defaults = settings.LocalProviderSetting(store="")
    for name, text in local.items():
        default = "required" if name == "store" else _default(getattr(defaults, name))
        rows.append([f'`[tsp.NAME] {name}`, `kind = "local"`', default, text])
    return rows


def _documented_fields(module: Any) -> dict[str, dict[str, str]]:  # noqa: ANN401  # any module
    """Return, for each class of a module, its fields and the docstring below each field."""
    tree = ast.parse(inspect.getsource(module))
    return {node.name: dict(_strings_below(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _strings_below(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for field, below in zip(node.body, node.body[1:], strict=False):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, " ".join(text.split())


def _default(value: object) -> str:
    if isinstance(value, Secret) or value in ("", (), {}) or isinstance(value, msgspec.Struct):
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{list(value) if isinstance(value, tuple) else value}`"


def _values(name: str) -> str:
    """Return the allowed values of a setting, or an empty string if it is free text."""
    hint = get_type_hints(settings.Settings, include_extras=True)[name]
    match msgspec.inspect.type_info(hint):
        case msgspec.inspect.LiteralType(values=values):
            return ", ".join(f"`{value}`" for value in values)
        case msgspec.inspect.BoolType():
            return "`true`, `false`"
        case msgspec.inspect.IntType(ge=least, le=most) if least is not None:
            return f"{least} to {most}" if most is not None else f"{least} or more"
        case msgspec.inspect.FloatType(gt=over, le=most) if over is not None:
            return f"over {over}, up to {most}" if most is not None else f"over {over}"
        case _:
            return ""


def _environment(name: str) -> str:
    if name in settings.FILE_ONLY:
        return "file only"
    variable = f"`{settings.PREFIX}{name.upper()}`"
    return f"{variable}, `{settings.PREFIX}{name.upper()}_FILE`" if name in settings.SECRET_FIELDS else variable


def _range_default(name: str) -> str:
    example = settings.CardRangeSetting(prefix="", network="visa", issuer="")
    return "required" if name in {"prefix", "network", "issuer"} else f"`{getattr(example, name)}`"
