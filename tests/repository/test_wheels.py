"""What people install: wheels that hold the code, its SQL, its types and its licence, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.repository import tree

PACKAGES = [path.parent for path in tree.pyprojects()]


@pytest.fixture(params=PACKAGES, ids=lambda package: package.name)
def package(request: pytest.FixtureRequest) -> Path:
    assert isinstance(request.param, Path)
    return request.param


def test_a_wheel_holds_every_file_of_its_source_and_its_licence(package: Path, tmp_path: Path) -> None:
    source = {
        path.relative_to(package / "src").as_posix() for path in tree.files() if path.is_relative_to(package / "src")
    }
    packed = contents(package, tmp_path)
    # The revision is made by the build, where the source is a clone.
    assert {name for name in packed if ".dist-info/" not in name} - {"tokenvault_server/revision.txt"} == source
    assert {"LICENSE", "NOTICE"} <= {name.rpartition("/")[2] for name in packed}


def contents(package: Path, out: Path) -> set[str]:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    done = subprocess.run(command, cwd=package, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())
