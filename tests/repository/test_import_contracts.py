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
    Offence("floors", "a module without a floor", {"tokenvault_server.loose": EMPTY}),
    Offence(
        "floors",
        "upward",
        {
            "tokenvault_server.testing": EMPTY,
            "tokenvault_server.domain.offender": "import tokenvault_server.testing",
        },
    ),
    Offence(
        "floors",
        "sideways on one floor",
        {
            "tokenvault_server.database.quiet": EMPTY,
            "tokenvault_server.keys.offender": "import tokenvault_server.database.quiet",
        },
    ),
    Offence("pure", "a wire format in the domain", {"tokenvault_server.domain.offender": "import msgspec"}),
    Offence("pure", "a cipher in the vault", {"tokenvault_server.vault.offender": "import cryptography"}),
    Offence("sealed-store", "a store with keys", {"tokenvault_server.store.offender": "import tokenvault_server.keys"}),
    Offence("settings", "a knob read elsewhere", {"tokenvault_server.testing": "import tokenvault_server.settings"}),
    Offence("wall", "a hole in the wall", {"tokenvault_server.api.offender": "import tokenvault_server.tsp.local"}),
    Offence(
        "engines",
        "a store that knows its engine",
        {"tokenvault_server.store.offender": "import tokenvault_server.database.sqlite"},
    ),
    Offence("client-without-server", "a client with a server", {"cashfree_pg.offender": "import tokenvault_server"}),
    Offence(
        "server-without-client", "a server with a client", {"tokenvault_server.cli.offender": "import cashfree_pg"}
    ),
    Offence("client-policy", "a policy with a socket", {"tokenvault_client._retry": "import socket"}),
    Offence(
        "client-seam", "a drop-in with a private import", {"cashfree_pg.offender": "import tokenvault_client._flow"}
    ),
    Offence(
        "lonely-contract", "a contract with a client", {"tokenvault_contract.offender": "import tokenvault_client"}
    ),
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
def house(tmp_path: Path) -> Path:
    """A copy of the five packages, without what is not code."""
    for source in SOURCES:
        shutil.copytree(tree.ROOT / source, tmp_path / source, ignore=shutil.ignore_patterns("__pycache__", "*.sql"))
    shutil.copy(tree.ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_house_as_it_is_keeps_every_contract(house: Path) -> None:
    assert broken(house) == set()


@pytest.mark.parametrize("offence", OFFENCES, ids=lambda offence: f"{offence.contract}: {offence.claim}")
def test_one_offence_breaks_its_contract_and_no_other(house: Path, offence: Offence) -> None:
    for module, source in offence.modules.items():
        write(house, module, source)
    assert broken(house) == {offence.contract}


def test_every_contract_is_broken_once() -> None:
    assert {offence.contract for offence in OFFENCES} == {contract["id"] for contract in CONTRACTS}


def write(house: Path, module: str, source: str) -> None:
    package, *path = module.split(".")
    (root,) = [each for each in SOURCES if (house / each / package).is_dir()]
    file = (house / root / package).joinpath(*path).with_suffix(".py")
    file.parent.mkdir(exist_ok=True)
    file.write_text(source)


def broken(house: Path) -> set[str]:
    """The ids of the contracts that import-linter calls broken."""
    path = os.pathsep.join(str(house / source) for source in SOURCES)
    environment = os.environ | {"PYTHONPATH": path, "COLUMNS": "200"}  # the name of a contract on one line
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=house, env=environment, capture_output=True, text=True, check=False)
    verdicts = dict(VERDICT.findall(done.stdout))
    assert len(verdicts) == len(CONTRACTS), done.stdout + done.stderr
    return {contract["id"] for contract in CONTRACTS if verdicts[contract["name"]] == "BROKEN"}
