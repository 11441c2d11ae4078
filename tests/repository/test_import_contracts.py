"""Each import contract holds, and each is broken here once to show that it can be."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.repository import tree

CONTRACTS = tomllib.loads(tree.text(tree.ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
SOURCES = sorted(path.relative_to(tree.ROOT) for path in tree.ROOT.glob("packages/*/src"))
VERDICT = re.compile(r"^(.+) (KEPT|BROKEN)(?: \(.*\))?$", re.MULTILINE)
EMPTY = '"""Nothing."""\n'


@dataclass(frozen=True)
class Offence:
    """Modules, by dotted name and source, that break one contract and no other."""

    contract: str
    claim: str
    modules: dict[str, str]


OFFENCES = [
    Offence("layers", "a module without a layer", {"tokenvault_server.loose": EMPTY}),
    Offence(
        "layers",
        "upward",
        {
            "tokenvault_server.__main__": EMPTY,
            "tokenvault_server.domain.offender": "import tokenvault_server.__main__",
        },
    ),
    Offence(
        "layers",
        "sideways on one layer",
        {
            "tokenvault_server.database.quiet": EMPTY,
            "tokenvault_server.keys.offender": "import tokenvault_server.database.quiet",
        },
    ),
    Offence("pure", "a wire format in the domain", {"tokenvault_server.domain.offender": "import msgspec"}),
    Offence("pure", "a cipher in the vault", {"tokenvault_server.vault.offender": "import cryptography"}),
    Offence("sealed-store", "a store with keys", {"tokenvault_server.store.offender": "import tokenvault_server.keys"}),
    Offence("settings", "a knob read elsewhere", {"tokenvault_server.__main__": "import tokenvault_server.settings"}),
    Offence(
        "boundary", "a hole in the boundary", {"tokenvault_server.api.offender": "import tokenvault_server.tsp.local"}
    ),
    Offence(
        "engines",
        "a command that knows an engine",
        {"tokenvault_server.cli.offender": "import tokenvault_server.database.sqlite"},
    ),
    Offence(
        "opening",
        "a store that opens databases",
        {"tokenvault_server.store.offender": "import tokenvault_server.database.opening"},
    ),
    Offence("client-without-server", "a client with a server", {"cashfree_pg.offender": "import tokenvault_server"}),
    Offence(
        "server-without-client", "a server with a client", {"tokenvault_server.cli.offender": "import cashfree_pg"}
    ),
    Offence(
        "serve-without-payments",
        "a served vault with orders",
        {"tokenvault_server.serving.offender": "import tokenvault_server.emulator.payments"},
    ),
    Offence("client-policy", "a policy with a socket", {"tokenvault_client._retry": "import socket"}),
    Offence(
        "client-seam", "a drop-in with a private import", {"cashfree_pg.offender": "import tokenvault_client._flow"}
    ),
    Offence("contract-alone", "a contract with a client", {"tokenvault_contract.offender": "import tokenvault_client"}),
    Offence("plugin-layers", "a module without a layer", {"pytest_tokenvault.loose": EMPTY}),
    Offence(
        "plugin-seam",
        "fixtures that open a vault",
        {"pytest_tokenvault.sdks": "import tokenvault_server.vault.instruments"},
    ),
    Offence(
        "nothing-needs-the-plugin",
        "a client with fixtures",
        {"cashfree_pg.offender": "import pytest_tokenvault.transport"},
    ),
    Offence("without-pytest", "a mixin with pytest", {"pytest_tokenvault.mixin": "import pytest"}),
    Offence(
        "no-cycles",
        "two neighbours",
        {
            "tokenvault_server.domain.one": "import tokenvault_server.domain.other",
            "tokenvault_server.domain.other": "import tokenvault_server.domain.one",
        },
    ),
]


@pytest.fixture
def codebase(tmp_path: Path) -> Path:
    """A copy of the five packages, without what is not code."""
    for source in SOURCES:
        shutil.copytree(tree.ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__", "*.sql"))
    shutil.copy(tree.ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_codebase_as_it_is_keeps_every_contract(codebase: Path) -> None:
    assert broken(codebase) == set()


@pytest.mark.parametrize("offence", OFFENCES, ids=lambda offence: f"{offence.contract}: {offence.claim}")
def test_one_offence_breaks_its_contract_and_no_other(codebase: Path, offence: Offence) -> None:
    for module, source in offence.modules.items():
        write(codebase, module, source)
    assert broken(codebase) == {offence.contract}


def test_every_contract_is_broken_once() -> None:
    assert {offence.contract for offence in OFFENCES} == {contract["id"] for contract in CONTRACTS}


def write(codebase: Path, module: str, source: str) -> None:
    package, *path = module.split(".")
    (root,) = [each for each in SOURCES if (codebase / each / package).is_dir()]
    file = (codebase / root / package).joinpath(*path).with_suffix(".py")
    file.parent.mkdir(exist_ok=True)
    file.write_text(source)


def broken(codebase: Path) -> set[str]:
    """The ids of the contracts that import-linter calls broken."""
    path = os.pathsep.join(str(codebase / source) for source in SOURCES)
    environment = os.environ | {"PYTHONPATH": path, "COLUMNS": "200"}  # the name of a contract on one line
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=codebase, env=environment, capture_output=True, text=True, check=False)
    verdicts = dict(VERDICT.findall(done.stdout))
    assert len(verdicts) == len(CONTRACTS), done.stdout + done.stderr
    return {contract["id"] for contract in CONTRACTS if verdicts[contract["name"]] == "BROKEN"}
