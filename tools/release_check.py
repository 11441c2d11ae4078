"""Build a release into `dist/` and check it: distributions, list of components, checksums.

Everything is built twice, from two clean copies, and must be the same. twine reads the distributions as an index will.
Neighbours: `tests/system/test_wheels.py` installs wheels in a clean environment and runs them;
`tests/system/test_release.py` signs the checksums with a throw-away key, as RELEASING.md says. `make release-check`
does all three.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from packaging.metadata import Metadata

from tools import components
from tools.distributions import ROOT, build, copy, packages, project, sha256, version

DIST: Final = ROOT / "dist"
SUMS: Final = "SHA256SUMS"
PLACEHOLDER: Final = "//tokenvault.example"
"""Where `[project.urls]` point until the repository has a public address. Nobody can own this domain (RFC 2606)."""


def main() -> int:
    """Build, check and list the release; return 1 when something is wrong."""
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder:
        archives = build(copy(Path(folder, "source")), DIST)
        again = build(copy(Path(folder, "again")), Path(folder, "dist"))
        faults = differences(archives, again)
    twine = subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *archives], check=False)
    faults += ["twine finds faults"] if twine.returncode else []
    faults += [fault for package in packages() for fault in faults_of(package)]
    write_lists(archives)
    for archive in sorted(DIST.iterdir()):
        print(f"{archive.stat().st_size:>9,}  {archive.name}")
    for fault in faults:
        print(f"fault: {fault}", file=sys.stderr)
    return 1 if faults else 0


def differences(archives: list[Path], again: list[Path]) -> list[str]:
    """Return the distributions that two builds did not make alike."""
    first, second = ({path.name: sha256(path) for path in each} for each in (archives, again))
    return [f"{name}: a second build differs" for name in first | second if first.get(name) != second.get(name)]


def write_lists(archives: list[Path]) -> None:
    """Write the list of components and the checksums beside the distributions."""
    folder = archives[0].parent
    listed = folder / f"tokenvault-{version()}.cdx.json"
    listed.write_text(components.document(archives), encoding="utf-8")
    lines = [f"{sha256(path)}  {path.name}\n" for path in sorted([*archives, listed])]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def faults_of(package: Path) -> list[str]:
    """Return what is wrong with a package's wheel and sdist in `dist/`."""
    described = project(package)
    name, number = described["name"].replace("-", "_"), described["version"]
    wheel = DIST / f"{name}-{number}-py3-none-any.whl"
    sdist = DIST / f"{name}-{number}.tar.gz"
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = Metadata.from_email(archive.read(f"{name}-{number}.dist-info/METADATA"))  # raises when invalid
    with tarfile.open(sdist) as archive:
        member = archive.extractfile(f"{name}-{number}/PKG-INFO")
        in_sdist = Metadata.from_email(member.read() if member else b"")
    addresses = (in_wheel.project_urls or {}).values()
    checks = {
        "wheel and sdist differ in their requirements": in_wheel.requires_dist == in_sdist.requires_dist,
        "there is no licence expression": in_wheel.license_expression == "Apache-2.0",
        "there is no description": bool(in_wheel.description),
        "the changelog has no heading for the version": is_in_changelog(number),
        "a link leads to the placeholder": headings() == ["Unreleased"] or not any(map(is_placeholder, addresses)),
    }
    return [f"{name}: {fault}" for fault, holds in checks.items() if not holds]


def is_placeholder(address: str) -> bool:
    """Tell whether a link leads to the domain that nobody can own."""
    return PLACEHOLDER in address


def is_in_changelog(number: str) -> bool:
    """Tell whether the changelog has a heading for a version, or collects changes for the first release."""
    return number in headings() or headings() == ["Unreleased"]


def headings() -> list[str]:
    """Return the versions that the changelog has headings for."""
    return re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


if __name__ == "__main__":
    raise SystemExit(main())
