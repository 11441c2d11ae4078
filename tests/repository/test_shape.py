"""`make shape` counts as it says, and fails beyond the limits."""

from pathlib import Path

import pytest

from tests.repository import tree
from tools import shape

FUNCTION = "def f():\n" + "    x = 1\n" * 60 + "\n"


def write(root: Path, source: str) -> Path:
    path = root / "packages" / "p" / "src" / "p" / "module.py"
    path.parent.mkdir(parents=True)
    path.write_text(source)
    return path


def test_the_tree_is_within_its_limits() -> None:
    assert shape.main(tree.ROOT) == 0


def test_a_function_counts_from_def_to_its_last_line(tmp_path: Path) -> None:
    path = write(tmp_path, '@decorated\ndef f():\n    """Says."""\n\n    return 1\n')
    assert [size.lines for size in shape.function_sizes(path, tmp_path)] == [4]


def test_a_nested_function_counts_for_itself_too(tmp_path: Path) -> None:
    path = write(tmp_path, "def f():\n    def g():\n        pass\n    return g\n")
    assert sorted(size.lines for size in shape.function_sizes(path, tmp_path)) == [2, 4]


def test_one_function_too_long_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "def short():\n    pass\n\n" * 20 + FUNCTION)
    assert shape.main(tmp_path) == 1
    assert "module.py:61 f: 61 lines" in capsys.readouterr().err


def test_one_file_too_long_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "x = 1\n" * 401)
    assert shape.main(tmp_path) == 1
    assert "module.py: 401 lines" in capsys.readouterr().err


def test_functions_that_are_long_by_habit_fail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "\n".join(f"def f{n}():\n" + "    x = 1\n" * 10 for n in range(9)))
    assert shape.main(tmp_path) == 1
    assert "median of functions is 11" in capsys.readouterr().err
