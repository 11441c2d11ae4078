"""Write the hashed locks: names, versions and hashes, without the addresses of the packages.

`requirements-<name>.in` lists tools. The packages' own dependencies come from `packages/*/pyproject.toml`, so that no
dependency is listed twice. What a server needs in production is these alone: `requirements-server.lock` has no tools,
and `requirements-server-otel.lock` adds what traces need.
The Makefile's `lock` target calls this.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A cool-down: most malicious releases are found and withdrawn within days of their upload.
COOL_DOWN = "7 days"

OPTIONS = (
    "--universal",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--python-version=3.11",
    "--quiet",
)


def main() -> int:
    """Write the locks; upgrade them if `--upgrade` is given."""
    extra = ("--upgrade",) if "--upgrade" in sys.argv[1:] else ()
    compile_lock("setup", tools("setup"), extra)
    compile_lock("dev", tools("dev") + runtime_dependencies(), extra)
    alike = (*extra, "--constraint=requirements-dev.lock")
    compile_lock("server", server_dependencies("postgres"), alike)
    compile_lock("server-otel", server_dependencies("postgres", "otel"), alike)
    for name in ("build", "bench", "mutation", "system", "docs"):
        compile_lock(name, tools(name), alike)
    return 0


def compile_lock(name: str, wanted: list[str], options: tuple[str, ...]) -> None:
    """Resolve what is wanted into `requirements-<name>.lock`."""
    lock = ROOT / f"requirements-{name}.lock"
    command = [uv(), "pip", "compile", *OPTIONS, *options, "--exclude-newer", COOL_DOWN, "-o", lock.name, "-"]
    subprocess.run(command, input="\n".join(wanted), text=True, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    print(f"{lock.name}: {pins(lock)} packages")


def tools(name: str) -> list[str]:
    """Return the lines of `requirements-<name>.in`."""
    return (ROOT / f"requirements-{name}.in").read_text().splitlines()


def uv() -> str:
    """Return the path of uv, which is in the environment that it created."""
    return os.environ.get("UV", str(ROOT / ".venv" / "bin" / "uv"))


def runtime_dependencies() -> list[str]:
    """Return the run-time dependencies of the packages, except each other."""
    wanted: set[str] = set()
    for path in sorted(ROOT.glob("packages/*/pyproject.toml")):
        wanted.update(tomllib.loads(path.read_text())["project"]["dependencies"])
    return sorted(line for line in wanted if not is_ours(line))


def server_dependencies(*extras: str) -> list[str]:
    """Return the dependencies of a server in production, with those of some extras."""
    contract, server = (
        tomllib.loads((ROOT / f"packages/{each}/pyproject.toml").read_text())["project"]
        for each in ("contract", "server")
    )
    wanted = contract["dependencies"] + server["dependencies"]
    for extra in extras:
        wanted = wanted + server["optional-dependencies"][extra]
    return sorted(line for line in wanted if not is_ours(line))


def is_ours(requirement: str) -> bool:
    """Return whether a requirement names one of the five distributions of this repository."""
    return "tokenvault" in requirement


def pins(lock: Path) -> int:
    """Return how many packages a lock pins."""
    return len(re.findall(r"^[a-z0-9._-]+==", lock.read_text(), re.MULTILINE))


if __name__ == "__main__":
    raise SystemExit(main())
