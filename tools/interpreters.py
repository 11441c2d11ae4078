"""Run tests on every other supported Python that this machine has.

Each interpreter gets an environment of its own in `.venv`, made from the same lock. A version that is not here is named
in the output and skipped: nothing is downloaded. Neighbour: the Makefile, whose `test-interpreters` target calls this.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tools.environment import ROOT, install_packages, run_tests, uv

OTHERS: Final = ("3.12", "3.13")
"""The supported versions beside the oldest, which the whole suite runs on."""


def main(arguments: list[str]) -> int:
    """Run pytest with some arguments on every interpreter that is found; return 1 if a run failed."""
    failed = False
    for version in OTHERS:
        interpreter = find(version)
        if interpreter is None:
            print(f"Python {version}: not on this machine, skipped")
            continue
        print(f"Python {version}: {interpreter}", flush=True)
        python = environment(version, interpreter)
        failed |= run_tests(python, arguments) != 0
    return int(failed)


def find(version: str) -> Path | None:
    """Return the path of an interpreter of this version that works, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))
    command = [uv(), "python", "find", "--no-python-downloads", "--system", version]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    if found.returncode == 0:
        candidates.append(Path(found.stdout.strip()))
    return next((path for path in candidates if works(path)), None)


def works(python: Path) -> bool:
    """Return whether an interpreter starts and can make environments."""
    return subprocess.run([python, "-c", "import ssl, sqlite3"], capture_output=True, check=False).returncode == 0


def environment(version: str, interpreter: Path) -> Path:
    """Make an environment with everything that the lock pins; return its interpreter."""
    folder = ROOT / ".venv" / f"python-{version}"
    subprocess.run([uv(), "venv", "--quiet", "--allow-existing", "--python", interpreter, folder], check=True)
    python = folder / "bin" / "python"
    locked = ["--require-hashes", "-r", "requirements-dev.lock"]
    subprocess.run([uv(), "pip", "install", "--quiet", "--python", python, *locked], cwd=ROOT, check=True)
    install_packages(python)
    return python


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
