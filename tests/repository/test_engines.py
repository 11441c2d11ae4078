"""Only `database.opening` and the engines' own packages know which database engines there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.repository import tree

DATABASE = tree.ROOT / "packages/server/src/tokenvault_server/database"
ENGINES = (DATABASE / "sqlite", DATABASE / "postgres", DATABASE / "opening.py")
NAMED = re.compile(r"sqlite|postgres|libpq|apsw|asyncpg", re.IGNORECASE)
MODULES = {
    path
    for path in (tree.ROOT / "packages/server/src").rglob("*.py")
    if not any(path.is_relative_to(engine) for engine in ENGINES)
}


def named(module: Path) -> list[str]:
    """Return the names and texts in a module's code that name an engine. Docstrings and comments are prose."""
    syntax = ast.parse(module.read_text(encoding="utf-8"))
    prose = {id(node.value) for node in ast.walk(syntax) if isinstance(node, ast.Expr)}
    return [text for node in ast.walk(syntax) if id(node) not in prose for text in texts(node) if NAMED.search(text)]


def texts(node: ast.AST) -> list[str]:
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
            return [name]
        case ast.arg(arg=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.ImportFrom(module=str(name)) | ast.keyword(arg=str(name)):
            return [name]
    return []


def test_no_other_module_names_an_engine() -> None:
    assert {module: names for module in MODULES if (names := named(module))} == {}


@pytest.mark.parametrize(
    "code",
    ["import apsw", "from tokenvault_server.database.sqlite import kind", "url.startswith('sqlite:')", "is_postgres()"],
)
def test_code_that_names_an_engine_is_found(tmp_path: Path, code: str) -> None:
    module = tmp_path / "module.py"
    module.write_text(f'"""SQLite in prose."""\n{code}\n')
    assert named(module)
