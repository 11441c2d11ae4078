"""Two packages own the folder `cashfree_pg`: this one refuses to be imported where both are installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conformance import environments
from tests.repository import tree

SOURCES = [tree.ROOT / "packages" / name / "src" for name in ("cashfree-pg", "client", "contract")]
ADVICE = "pip uninstall cashfree_pg && pip install --force-reinstall --no-deps tokenvault-cashfree-pg"


def test_beside_the_metadata_of_the_official_package_nothing_is_imported(tmp_path: Path) -> None:
    metadata = tmp_path / "cashfree_pg-6.0.1.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: cashfree_pg\nVersion: 6.0.1\n")
    told = imported([tmp_path])
    assert f"ImportError: the official cashfree_pg 6.0.1 is installed as well ({tmp_path}" in told
    assert ADVICE in told
    assert "tokenvault_client.cashfree.route_token_vault(cashfree_pg)" in told


def test_beside_the_official_package_nothing_is_imported() -> None:
    python = environments.python_environment("6.0.1")
    (site,) = (python.parent.parent / "lib").glob("python*/site-packages")
    assert "ImportError: the official cashfree_pg 6.0.1 is installed as well" in imported([*SOURCES, site])


def test_alone_it_is_imported() -> None:
    assert imported([]) == ""


def imported(places: list[Path]) -> str:
    """Gives what an import says where these places come first."""
    path = os.pathsep.join(str(place) for place in places)
    environ = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, "-c", "import cashfree_pg"]
    return subprocess.run(command, env=environ, cwd="/", capture_output=True, text=True, check=False).stderr
