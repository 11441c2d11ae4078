"""Shells complete commands, options and values, with the scripts that the page of commands names."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.reference.cli import COMPLETION

PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
COMPLETE = (
    'COMP_WORDS=({words}); COMP_CWORD={number}; _tokenvault_completion tokenvault; printf "%s\\n" "${{COMPREPLY[@]}}"'
)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("tokenvault em", ["emulator"]),
        ("tokenvault serve --beh", ["--behind-proxy"]),
        ("tokenvault emulator --log-level w", ["warning"]),
    ],
)
def test_bash_completes_with_the_line_of_the_page(words: str, found: list[str]) -> None:
    (line,) = [line for shell, _, line in COMPLETION if shell == "bash"]
    complete = COMPLETE.format(words=words, number=len(words.split()) - 1)
    assert ran("bash", f"{line}\n{complete}").split() == found


@pytest.mark.parametrize("shell", [shell for shell, _, _ in COMPLETION])
def test_there_is_a_script_for_each_shell_of_the_page(shell: str) -> None:
    assert "tokenvault" in ran("sh", f"_TOKENVAULT_COMPLETE={shell}_source tokenvault")


def ran(shell: str, script: str) -> str:
    program = shutil.which(shell)
    assert program
    environ = {"PATH": PATH, "HOME": "/nonexistent"}
    done = subprocess.run([program, "-c", script], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
