"""The tree says nothing about where it was made, and keeps the promises of its front page."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import tree

# Put together here, so that this file does not name what it looks for.
REGISTRY_HOSTS = [
    "files." + "pythonhosted.org",
    "pypi." + "org",
    "pypi." + "python.org",
    "registry." + "npmjs.org",
    "registry." + "yarnpkg.com",
    "proxy." + "golang.org",
    "static." + "crates.io",
]
LOCKS_WITH_ADDRESSES = {"uv.lock", "poetry.lock", "Pipfile.lock", "yarn.lock", "pnpm-lock.yaml"}
REGISTRY_FIELD = re.compile(r'"resolved":\s*"https?:')


@pytest.mark.parametrize("host", REGISTRY_HOSTS)
def test_no_file_names_a_package_registry(host: str) -> None:
    assert [tree.name(path) for path in tree.files() if host in tree.text(path)] == []


def test_no_file_names_the_folder_it_was_written_in() -> None:
    places = {str(tree.ROOT), sys.base_prefix, str(Path.home())} - {"/", "/root", "/usr", "/usr/local"}
    assert [tree.name(path) for path in tree.files() for place in places if place + "/" in tree.text(path)] == []


def test_no_lock_records_addresses() -> None:
    assert [tree.name(path) for path in tree.files() if path.name in LOCKS_WITH_ADDRESSES] == []
    npm = [path for path in tree.files() if path.name in {"package-lock.json", "npm-shrinkwrap.json"}]
    assert [tree.name(path) for path in npm if REGISTRY_FIELD.search(tree.text(path))] == []


def test_every_locked_package_has_hashes() -> None:
    for lock in tree.ROOT.glob("requirements-*.lock"):
        entries = re.split(r"\n(?=\S)", tree.text(lock).strip())
        assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == [], lock.name


def test_the_readme_asks_for_two_commands() -> None:
    commands = re.findall(r"^\s*(?:\$ )?make (\S+)", _code_blocks("README.md"), re.MULTILINE)
    assert sorted(commands) == ["run", "test"]


def test_every_target_has_its_line_of_help() -> None:
    makefile = tree.text(tree.ROOT / "Makefile")
    phony = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)[0].split()
    helped = re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE)
    assert sorted(phony) == sorted(helped)


def test_every_target_that_a_page_names_exists() -> None:
    makefile = tree.text(tree.ROOT / "Makefile")
    pages = [path for path in tree.files() if path.suffix == ".md"]
    named = {(tree.name(page), target) for page in pages for target in re.findall(r"`make ([a-z-]+)", tree.text(page))}
    assert [where for where in sorted(named) if not re.search(rf"^{where[1]}:", makefile, re.MULTILINE)] == []


def test_every_link_inside_the_tree_leads_somewhere() -> None:
    links = [
        (page, target)
        for page in tree.files()
        if page.suffix == ".md"
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)", tree.text(page))
    ]
    assert [f"{tree.name(page)}: {target}" for page, target in links if not (page.parent / target).exists()] == []


def test_every_module_says_why_it_exists() -> None:
    modules = [path for path in tree.files() if path.suffix == ".py" and path.is_relative_to(tree.ROOT / "packages")]
    assert [tree.name(path) for path in modules if not ast.get_docstring(ast.parse(tree.text(path)))] == []


def test_every_sql_statement_says_why_it_exists() -> None:
    silent = [
        f"{tree.name(path)}: {header}"
        for path in tree.files()
        if path.suffix == ".sql" and "migrations" not in path.parts
        for header, line in re.findall(r"^-- (\w+) --\n(.*)$", tree.text(path), re.MULTILINE)
        if not line.startswith("-- ")
    ]
    assert silent == []


def test_every_test_is_a_sentence() -> None:
    tests = [path for path in tree.files() if path.match("tests/**/test_*.py")]
    names = {name for path in tests for name in re.findall(r"def (test_\w+)", tree.text(path))}
    assert sorted(name for name in names if name.count("_") < 3) == []


def _code_blocks(page: str) -> str:
    return "\n".join(re.findall(r"^```\w*\n(.*?)^```", tree.text(tree.ROOT / page), re.MULTILINE | re.DOTALL))


def test_git_ignores_what_the_pages_have_readers_make() -> None:
    made = ["emulator.json", "headers.txt", "card.json", "merchant.json", "backup/master.key", "vault/tokenvault.toml"]
    check = ["git", "-C", str(tree.ROOT), "check-ignore", "--no-index", *made]
    assert subprocess.run(check, capture_output=True, text=True, check=False).stdout.split() == made
