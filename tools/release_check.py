"""Build every distribution into `dist/` and check what an index and an installer would read of it.

Neighbour: `tests/system/test_wheels.py` installs wheels in a clean environment and runs them; `make release-check` does
both.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

from packaging.metadata import Metadata

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"


def main() -> int:
    """Build, check and list the distributions; return 1 when something is wrong."""
    shutil.rmtree(DIST, ignore_errors=True)
    packages = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
    for package in packages:
        command = [sys.executable, "-m", "hatchling", "build", "-d", str(DIST)]
        subprocess.run(command, cwd=package, check=True, capture_output=True)
    faults = [fault for package in packages for fault in faults_of(package)]
    for archive in sorted(DIST.iterdir()):
        print(f"{archive.stat().st_size:>9,}  {archive.name}")
    for fault in faults:
        print(f"fault: {fault}", file=sys.stderr)
    return 1 if faults else 0


def faults_of(package: Path) -> list[str]:
    """Return what is wrong with a package's wheel and sdist."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    name, version = project["name"].replace("-", "_"), project["version"]
    wheel = DIST / f"{name}-{version}-py3-none-any.whl"
    sdist = DIST / f"{name}-{version}.tar.gz"
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = Metadata.from_email(archive.read(f"{name}-{version}.dist-info/METADATA"))  # raises when invalid
    with tarfile.open(sdist) as archive:
        member = archive.extractfile(f"{name}-{version}/PKG-INFO")
        in_sdist = Metadata.from_email(member.read() if member else b"")
    checks = {
        "wheel and sdist differ in their requirements": in_wheel.requires_dist == in_sdist.requires_dist,
        "there is no licence expression": in_wheel.license_expression == "Apache-2.0",
        "there is no description": bool(in_wheel.description),
        "the changelog has no heading for the version": is_in_changelog(version),
    }
    return [f"{name}: {fault}" for fault, holds in checks.items() if not holds]


def is_in_changelog(version: str) -> bool:
    """Tell whether the changelog has a heading for a version, or collects changes for the first release."""
    headings = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    return version in headings or headings == ["Unreleased"]


if __name__ == "__main__":
    raise SystemExit(main())
