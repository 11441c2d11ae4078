"""Two servers behind nginx go from the previous release to this one, and on to a next one, under load: no call fails.

The commands are those of docs/how-to/upgrade.md. The "next" release is this tree with two more migrations, which change
and index a table in use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.docs.pages import FENCE, Block, assert_shown, blocks
from tests.repository import tree
from tests.system import previous
from tests.system.throwaway import Machine, machine
from tokenvault_server.database.migrate import migrations_of
from tokenvault_server.vault import initialisation
from tools import distributions

pytestmark = pytest.mark.system

PAGE: Final = "docs/how-to/upgrade.md"
CA: Final = "/etc/nginx/tls/tokenvault.crt"
CONFIG: Final = "/var/lib/tokenvault/vault/tokenvault.toml"
PACKAGES_START: Final = "pg_ctlcluster 15 main start; nginx"
OLD, NEW, NEXT = "/opt/tokenvault", "/opt/tokenvault-0.2.0", "/opt/tokenvault-next"
INSTALL_NEXT: Final = rf"""
python3 -m venv --without-pip {NEXT}
printf '%s\n' /next/packages/*/src {NEW}/lib/python3*/site-packages > $(echo {NEXT}/lib/python3*/site-packages)/next.pth
sed '1s|.*|#!{NEXT}/bin/python|' {NEW}/bin/tokenvault > {NEXT}/bin/tokenvault
chmod +x {NEXT}/bin/tokenvault
"""
"""A further version in seconds: it shares the dependencies of the one before."""
SERVERS: Final = ("8480", "8580")
NEWEST: Final = migrations_of(initialisation.SCHEMA)[-1].number
NEXT_MIGRATIONS: Final = {
    f"{NEWEST + 1:04d}_works_with_{NEWEST:04d}_notes.sql": """
        CREATE TABLE notes (merchant_id TEXT PRIMARY KEY, note TEXT NOT NULL);
        ALTER TABLE instruments ADD COLUMN note TEXT NOT NULL DEFAULT '';
        ALTER TABLE merchants ADD COLUMN note TEXT;
    """,
    f"{NEWEST + 2:04d}_works_with_{NEWEST:04d}_instruments_by_time.sql": """
        -- concurrently --
        CREATE INDEX instruments_by_time ON instruments (merchant_id, created_at);
    """.replace("        ", ""),
}


@dataclass
class Load:
    """What clients report of the time in which commands were typed."""

    calls: dict[str, int]
    failed: list[str]
    retries: dict[str, int]

    def is_flawless(self) -> bool:
        """Return whether clients made calls of every kind, and none failed."""
        return self.failed == [] and min(self.calls.values()) > 10 and len(self.calls) == 4


@dataclass
class Upgraded:
    """A machine on which the page was typed twice, and what was seen."""

    on: Machine
    to_this: Load
    to_next: Load
    back: Load
    old_after_this: str
    migrated_to_next: str
    programs: list[list[str]]
    """Which installation each server ran: after both upgrades, and after one server went back."""


class Operator:
    """Types the blocks of the page on a machine, each with the definitions of the blocks before it."""

    def __init__(self, on: Machine, folder: str, old: str, new: str) -> None:
        self._on, self._folder, self._versions = on, folder, (old, new)
        self._page = blocks(PAGE)
        self._defined = "\n".join(
            [self._text("OLD="), re.split(r"^run_version \"", self._text("run_version()"), flags=re.MULTILINE)[0]]
        )

    def type(self, words: str, *, online: bool = False) -> str:
        """Type the block that has these words, and compare its output with the block below, if that shows one."""
        printed = self.run(self._text(words), online=online)
        below = [*self._page, Block("", "")][self._index(words) + 1]
        assert_shown(below, printed)
        return printed

    def run(self, text: str, *, online: bool = False) -> str:
        """Type something else with the same definitions."""
        return self._on.type(f"{self._defined}\n{text}", online=online, folder=self._folder)

    def _index(self, words: str) -> int:
        (index,) = [number for number, (_, text) in enumerate(self._page) if words in text]
        return index

    def _text(self, words: str) -> str:
        old, new = self._versions
        return self._page[self._index(words)].text.replace(f"OLD={OLD} NEW={NEW}", f"OLD={old} NEW={new}")


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    """Yield a machine that was upgraded twice under load, and whose first server then went back."""
    folder = tmp_path_factory.mktemp("upgrade")
    old, following = previous.unpack(folder / "old"), next_release(folder / "next")
    with machine(old, {"/new": tree.ROOT, "/next": following}) as on:
        merchant = installed(on, old)
        operator = Operator(on, "/new", OLD, NEW)
        operator.type("rm -r", online=True)
        with load(on, merchant) as to_this:
            operator.type("migrate --check ||")
            old_after_this = on.type(
                f"sudo -u tokenvault {OLD}/bin/tokenvault migrate --check --config {CONFIG} 2>&1 || true"
            )
            operator.type('run_version "$NEW"\nrestart')
        operator.type("new doctor")
        programs = [running(on)]

        operator = Operator(on, "/next", NEW, NEXT)
        on.type(INSTALL_NEXT)
        with load(on, merchant) as to_next:
            migrated = operator.type("migrate --check ||")
            operator.type('run_version "$NEW"\nrestart')
        programs.append(running(on))
        with load(on, merchant) as back:
            operator.run('run_version "$OLD"; restart 8480')
        programs.append(running(on))
        yield Upgraded(on, to_this, to_next, back, old_after_this, migrated, programs)


def next_release(folder: Path) -> Path:
    """Return a copy of this tree with two more migrations."""
    distributions.copy(folder)
    for name, text in NEXT_MIGRATIONS.items():
        (folder / "packages/server/src/tokenvault_server/store/migrations" / name).write_text(text)
    return folder


def installed(on: Machine, old: Path) -> dict[str, str]:
    """Set the previous release up by the commands of its own README; return the clients' merchant."""
    (section,) = re.findall(r"^## In production\n(.*?)^## ", tree.text(old / "README.md"), re.MULTILINE | re.DOTALL)
    install, *others = [text for language, text in FENCE.findall(section) if language == "sh"]
    on.type(install, online=True)
    on.type(PACKAGES_START)
    for text in others:
        if "systemctl enable" in text:
            on.type(f"echo 'rate_limits = false' >> {CONFIG}")
        on.type(text)
    add = f"sudo -u tokenvault {OLD}/bin/tokenvault merchant add 'Book Shop' --json --config {CONFIG}"
    merchant: dict[str, str] = json.loads(on.type(add))
    return merchant


@contextmanager
def load(on: Machine, merchant: dict[str, str]) -> Iterator[Load]:
    """Have clients call through nginx until the block ends."""
    paths = ":".join(f"/new/packages/{name}/src" for name in ("client", "contract", "server"))
    variables = f"env PYTHONPATH=/new:{paths} SECRET={merchant['client_secret']}"
    program = f"/new/.venv/bin/python -m tests.system.shoppers https://localhost/pg {CA} {merchant['client_id']}"
    seen = Load({}, [], {})
    with on.start(f"{variables} {program}", folder="/new") as clients:
        yield seen
        printed, _ = clients.communicate(timeout=60)
    report: dict[str, Any] = json.loads(printed)
    seen.calls, seen.failed, seen.retries = report["calls"], report["failed"], report["retries"]


def running(on: Machine) -> list[str]:
    """Return which installation each server runs."""
    pids = [on.type(f"systemctl show --property=MainPID --value tokenvault@{port}").strip() for port in SERVERS]
    return [on.type(f"tr '\\0' '\\n' < /proc/{pid}/cmdline").splitlines()[0].split("/bin/")[0] for pid in pids]


def test_no_call_fails_while_the_previous_release_becomes_this_one(upgraded: Upgraded) -> None:
    assert upgraded.to_this.is_flawless(), upgraded.to_this


def test_no_call_fails_while_a_release_changes_and_indexes_a_table_in_use(upgraded: Upgraded) -> None:
    assert upgraded.to_next.is_flawless(), upgraded.to_next
    applied = [f"applied: store {name}" for name in NEXT_MIGRATIONS]
    assert [line for line in upgraded.migrated_to_next.splitlines() if line.startswith("applied")] == applied


def test_no_call_fails_while_one_server_goes_back(upgraded: Upgraded) -> None:
    assert upgraded.back.is_flawless(), upgraded.back


def test_each_server_ran_the_version_that_the_page_says(upgraded: Upgraded) -> None:
    assert upgraded.programs == [[NEW, NEW], [NEXT, NEXT], [NEW, NEXT]]


def test_the_previous_release_accepts_the_schema_or_says_why_it_does_not(upgraded: Upgraded) -> None:
    assert "nothing is missing" in upgraded.old_after_this or "newer version" in upgraded.old_after_this


def test_the_audit_trail_that_both_versions_wrote_is_intact_for_both(upgraded: Upgraded) -> None:
    for version in (NEW, NEXT):
        verified = upgraded.on.type(f"sudo -u tokenvault {version}/bin/tokenvault audit verify --config {CONFIG}")
        assert "intact" in verified


def test_the_index_that_was_built_under_load_is_valid(upgraded: Upgraded) -> None:
    query = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'instruments_by_time'::regclass"
    assert upgraded.on.type(f'sudo -u postgres psql --quiet --tuples-only tokenvault -c "{query}"').strip() == "t"
