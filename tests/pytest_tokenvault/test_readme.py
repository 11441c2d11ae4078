"""The examples of the plugin's README pass as printed, in one run of pytest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from tests.docs.pages import blocks
from tests.pytest_tokenvault.conftest import InnerRun

pytest_plugins = ["pytester"]

README: Final = "packages/pytest-tokenvault/README.md"
EXAMPLES: Final = {
    match[1]: block.text
    for block in blocks(README)
    if block.language == "python" and (match := re.match(r"# (\S+\.py)\n", block.text))
}
OFFICIAL: Final = "test_official.py"
"""Runs with the official SDKs, in environments of their own."""
TESTS: Final = 9


def test_every_example_has_the_name_of_its_file() -> None:
    assert len(EXAMPLES) == sum(block.language == "python" for block in blocks(README))


def test_the_examples_pass_as_printed(pytester: pytest.Pytester, run_pytest: InnerRun) -> None:
    for name, text in EXAMPLES.items():
        if name != OFFICIAL:
            (pytester.path / name).write_text(text)
    assert "conftest.py" in EXAMPLES
    run_pytest("anyio.pytest_plugin").assert_outcomes(passed=TESTS)


def test_the_script_of_the_readme_prints_a_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(EXAMPLES["vault_in_a_script.py"], tmp_path / "script.py", "exec"), {})
    assert capsys.readouterr().out == "XXXXXXXXXXXX2123\n"
