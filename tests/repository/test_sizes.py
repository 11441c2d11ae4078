"""Files and functions stay small; ruff limits what is in a function, and this their lines."""

import ast

from tests.repository import tree

LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 60


def test_no_file_is_longer_than_its_limit() -> None:
    python = [path for path in tree.files() if path.suffix == ".py"]
    assert [tree.name(path) for path in python if tree.text(path).count("\n") > LINES_OF_A_FILE] == []


def test_no_function_is_longer_than_its_limit() -> None:
    long = [
        f"{tree.name(path)}:{node.lineno} {node.name}"
        for path in tree.files()
        if path.suffix == ".py" and path.is_relative_to(tree.ROOT / "packages")
        for node in ast.walk(ast.parse(tree.text(path)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= LINES_OF_A_FUNCTION
    ]
    assert long == []
