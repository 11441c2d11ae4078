"""The five distributions: one version, a reason for each dependency, and a lock that holds them all."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.repository import tree
from tokenvault_contract.documentation import DOCUMENTATION
from tools import release_check

PACKAGES = pytest.mark.parametrize("path", tree.pyprojects(), ids=lambda path: path.parent.name)
OURS = {tree.project(path)["name"] for path in tree.pyprojects()}


def requirements(path: Path) -> list[Requirement]:
    project = tree.project(path)
    extras = [line for lines in project.get("optional-dependencies", {}).values() for line in lines]
    return [Requirement(line) for line in [*project["dependencies"], *extras]]


def test_there_are_five() -> None:
    assert sorted(OURS) == [
        "pytest-tokenvault",
        "tokenvault-cashfree-pg",
        "tokenvault-client",
        "tokenvault-contract",
        "tokenvault-server",
    ]


def test_they_carry_one_version() -> None:
    assert len({tree.project(path)["version"] for path in tree.pyprojects()}) == 1


@PACKAGES
def test_they_pin_each_other_exactly(path: Path) -> None:
    version = tree.project(path)["version"]
    ours = [each for each in requirements(path) if each.name in OURS]
    assert [str(each.specifier) for each in ours] == [f"=={version}"] * len(ours)


@PACKAGES
def test_the_name_that_belongs_to_a_stranger_is_never_needed(path: Path) -> None:
    assert "tokenvault" not in {canonicalize_name(each.name) for each in requirements(path)}


@PACKAGES
def test_each_dependency_has_its_reason(path: Path) -> None:
    wanted = {str(Requirement(line.replace("'", '"'))) for line in _lines_with_reasons(tree.text(path))}
    assert {str(each) for each in requirements(path)} == wanted


@PACKAGES
def test_each_links_to_its_source_its_pages_and_its_security_policy(path: Path) -> None:
    assert list(tree.project(path)["urls"]) == ["Source", "Documentation", "Changelog", "Security"]


@PACKAGES
def test_types_are_published(path: Path) -> None:
    assert list(path.parent.glob("src/*/py.typed"))


def test_each_development_tool_has_its_reason() -> None:
    for path in tree.ROOT.glob("requirements-*.in"):
        lines = [line for line in tree.text(path).splitlines() if line and not line.startswith("#")]
        assert [line for line in lines if not re.match(r"\S+  # \S", line)] == []


@PACKAGES
def test_the_lock_holds_what_a_package_needs(path: Path) -> None:
    pins = dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", tree.text(tree.ROOT / "requirements-dev.lock"), re.MULTILINE))
    needed = [Requirement(line) for line in tree.project(path)["dependencies"]]
    strangers = [each for each in needed if each.name not in OURS]
    assert [str(each) for each in strangers if not each.specifier.contains(pins.get(each.name, "0"))] == []


def _lines_with_reasons(toml: str) -> list[str]:
    return re.findall(r'^    "([^"]+)",  # \S.*$', toml, re.MULTILINE)


def test_the_distributions_name_the_address_of_the_documentation() -> None:
    assert {tree.project(path)["urls"]["Documentation"] for path in tree.pyprojects()} == {DOCUMENTATION}


def test_the_placeholder_is_the_one_that_a_release_must_not_have() -> None:
    assert release_check.PLACEHOLDER in DOCUMENTATION or "example" not in DOCUMENTATION
