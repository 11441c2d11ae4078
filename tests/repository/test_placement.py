"""CONTRIBUTING says where each kind of change goes; the files that it names exist and are the place that it says."""

from __future__ import annotations

import re

import click

from tests.repository import tree
from tokenvault_contract.problems import PROBLEMS
from tokenvault_contract.versions import SUPPORTED
from tokenvault_server import cli, errors
from tokenvault_server.api.versions import CHANGES
from tokenvault_server.database.opening import KINDS
from tokenvault_server.keys.providers import SCHEMES

PAGE = tree.text(tree.ROOT / "CONTRIBUTING.md")
SERVER = tree.ROOT / "packages/server/src/tokenvault_server"
(TABLE,) = re.findall(r"## Where a change goes\n\n(.*?)\n\n", PAGE, re.DOTALL)
ROWS = [[cell.strip() for cell in row.strip("|").split("|")] for row in TABLE.splitlines()[2:]]


def test_every_kind_of_change_has_its_place() -> None:
    assert [row[0] for row in ROWS] == [
        "a new API version",
        "a new setting",
        "a new error",
        "a token service provider",
        "a key provider",
        "a CLI command",
        "an operation of the emulator's control plane",
        "a metric",
        "a storage engine",
    ]


def test_every_file_that_it_names_exists() -> None:
    named = re.findall(r"`((?:packages|tests|tools)/[^`]+)`", TABLE)
    assert [path for path in named if not (tree.ROOT / path).exists()] == []


def test_every_change_of_a_version_is_in_the_module_of_versions() -> None:
    assert {change.version for change in CHANGES} <= set(SUPPORTED)


def test_every_kind_of_error_has_its_row_of_problems() -> None:
    assert {
        error.kind
        for error in vars(errors).values()
        if isinstance(error, type) and issubclass(error, errors.VaultError)
    } <= set(PROBLEMS)


def test_every_scheme_of_a_key_provider_has_its_module() -> None:
    modules = {path.stem for path in (SERVER / "keys/providers").glob("*.py")}
    assert {scheme.partition(":")[0] for scheme in SCHEMES} <= modules


def test_every_command_has_its_module() -> None:
    modules = {path.stem for path in (SERVER / "cli").glob("*.py")}
    commands = cli.tokenvault.list_commands(click.Context(cli.tokenvault))
    assert {name.replace("-", "_") for name in commands} <= modules


def test_every_engine_has_its_package() -> None:
    packages = {path.parent.name for path in (SERVER / "database").glob("*/engine.py")}
    assert len(packages) == len(KINDS)


def test_only_the_emulator_and_tests_can_move_a_clock() -> None:
    users = [
        tree.name(path)
        for path in tree.files()
        if path.is_relative_to(SERVER) and path.suffix == ".py" and "MovableClock" in tree.text(path)
    ]
    assert [path for path in users if "/emulator/" not in path and "/bootstrap/emulator" not in path] == []


def test_only_the_emulator_chooses_where_random_values_come_from() -> None:
    users = [
        tree.name(path)
        for path in tree.files()
        if path.is_relative_to(SERVER) and path.suffix == ".py" and re.search(r"\bSOURCE\.set\b", tree.text(path))
    ]
    assert users == ["packages/server/src/tokenvault_server/emulator/randomness.py"]
