"""Two packages own the folder `cashfree_pg`: importing this one fails if both are installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conformance import environments
from tests.repository import tree

SOURCES = [tree.ROOT / "packages" / name / "src" for name in ("cashfree-pg", "client", "contract")]
ADVICE = "pip uninstall cashfree_pg && pip install --force-reinstall --no-deps tokenvault-cashfree-pg"


def test_the_import_fails_beside_the_metadata_of_the_official_package(tmp_path: Path) -> None:
    metadata = tmp_path / "cashfree_pg-6.0.1.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: cashfree_pg\nVersion: 6.0.1\n")
    error = import_error([tmp_path])
    assert f"ImportError: the official cashfree_pg 6.0.1 is installed as well ({tmp_path}" in error
    assert ADVICE in error
    assert "tokenvault_client.cashfree.route_token_vault(cashfree_pg)" in error


def test_the_import_fails_beside_the_official_package() -> None:
    python = environments.python_environment("6.0.1")
    (site,) = (python.parent.parent / "lib").glob("python*/site-packages")
    assert "ImportError: the official cashfree_pg 6.0.1 is installed as well" in import_error([*SOURCES, site])


def test_the_import_succeeds_without_the_official_package() -> None:
    assert import_error([]) == ""


def import_error(folders: list[Path]) -> str:
    """Return the error output of an import with these folders first on the path."""
    path = os.pathsep.join(str(folder) for folder in folders)
    environ = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, "-c", "import cashfree_pg"]
    return subprocess.run(command, env=environ, cwd="/", capture_output=True, text=True, check=False).stderr
