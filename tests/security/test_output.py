"""What comes from outside is data in all output: no markup, no control, no hidden character reaches a terminal.

The values are in the database, where an attacker with write access put them; the commands are the real ones.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
import sqlite3
import sys
import unicodedata
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.repository import tree
from tests.support.builders import retag_in
from tests.support.commands import run_json, tokenvault
from tests.support.served_process import initialised
from tokenvault_server.cli import UNEXPECTED, main
from tokenvault_server.domain.printable import escaped, escaped_json
from tokenvault_server.telemetry.access_log import AccessLine, AccessLog
from tokenvault_server.telemetry.logs import JsonLines

MARKUP: Final = "\x1b[31m[link=https://evil.example]x[/link] [red]y [/z] \\[b] :boom: <script>&amp;"
HIDDEN: Final = "\u034f\u115f\u3164\uffa0\ufe0f\U000e0101\u2800"
COMMANDS: Final = (
    ("merchant", "list"),
    ("partner", "list"),
    ("cards", "list"),
    ("webhooks", "endpoints", "list"),
    ("limits", "list"),
    ("doctor",),
    ("audit", "verify"),
)


def _by_category() -> dict[str, str]:
    """Return the first and last characters of each Unicode category that a database can hold."""
    found: dict[str, list[str]] = defaultdict(list)
    for character in map(chr, range(1, sys.maxunicode + 1)):
        found[unicodedata.category(character)].append(character)
    del found["Cs"]
    del found["Nd"][4:-4]  # fewer digits than a card number has
    return {name: "".join(of_it[:40] + of_it[-10:]) for name, of_it in found.items()}


HOSTILE: Final = {name: f"begin{text}end" for name, text in _by_category().items()} | {
    "markup": MARKUP,
    "hidden": f"begin{HIDDEN}end",
}
ARGUMENTS: Final = {
    "control": HOSTILE["Cc"] + HOSTILE["Cf"] + HOSTILE["Cn"] + HOSTILE["Co"],
    "space": HOSTILE["Zs"] + HOSTILE["Zl"] + HOSTILE["Zp"] + HIDDEN,
    "markup": MARKUP,
}


def hostile_characters(output: str) -> set[str]:
    """Return what is in an output that a terminal would obey or not show, but for line ends and tabs."""
    return {
        each for each in output if each not in " \n\t" and (unicodedata.category(each)[0] in "CZ" or each in HIDDEN)
    }


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault with one merchant, partner, card and endpoint for each hostile text."""
    config = initialised(tmp_path_factory.mktemp("output") / "vault")
    run_json("merchant", "add", "Corner Shop", "--config", str(config))
    with closing(sqlite3.connect(config.parent / "vault.db")) as database:
        database.execute("PRAGMA foreign_keys = 0")
        for text in HOSTILE.values():
            fill(database, "merchants", merchant_id=text, name=text, client_id=text)
            fill(database, "partners", partner_id=text, name=text)
            fill(database, "webhook_endpoints", merchant_id=text, endpoint_id=text, url=text)
            fill(
                database,
                "instruments",
                merchant_id=text,
                customer_id=text,
                instrument_id=text,
                issuer=text,
                network=text,
                last4=text,
                status="ACTIVE",
                sealed=text,
            )
        database.commit()
    asyncio.run(retag_in(config.parent))
    return config


def fill(database: sqlite3.Connection, table: str, **values: str) -> None:
    """Insert a row; columns without a value that need one get 1."""
    columns = database.execute(f"PRAGMA table_info({table})").fetchall()
    row = {name: 1 for _, name, _, required, default, _ in columns if required and default is None} | values
    marks = ", ".join("?" * len(row))
    database.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


class Terminal(io.StringIO):
    """A standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_list_shows_every_text_as_data(config: Path, command: tuple[str, ...]) -> None:
    done = tokenvault(*command, "--config", str(config))
    assert done.returncode != UNEXPECTED, done.stderr
    assert hostile_characters(done.stdout + done.stderr) == set()


@pytest.mark.parametrize("command", COMMANDS[:4], ids=" ".join)
def test_a_list_has_one_line_for_each_row_and_every_text_whole(config: Path, command: tuple[str, ...]) -> None:
    lines = tokenvault(*command, "--config", str(config)).stdout.splitlines()
    assert len(lines) - 1 >= len(HOSTILE)
    assert len({line.count("\t") for line in lines}) == 1
    assert [name for name, text in HOSTILE.items() if escaped(text) not in "\n".join(lines)] == []


@pytest.mark.parametrize("command", COMMANDS[:4], ids=" ".join)
def test_a_list_as_json_keeps_every_text(config: Path, command: tuple[str, ...]) -> None:
    done = tokenvault(*command, "--json", "--config", str(config))
    assert hostile_characters(done.stdout) == set()
    values = {value for row in json.loads(done.stdout) for value in row.values() if isinstance(value, str)}
    assert set(HOSTILE.values()) <= values


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_table_on_a_terminal_has_no_markup(
    config: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "4000")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    try:
        main([*command, "--config", str(config)])
    except SystemExit as ended:
        assert ended.code != UNEXPECTED  # noqa: PT017  # commands end with a code
    shown = terminal.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")  # the bold headings of a table
    assert hostile_characters(shown) == set()
    if command in COMMANDS[:4]:
        assert escaped(MARKUP) in shown


@pytest.mark.parametrize("text", ARGUMENTS.values(), ids=ARGUMENTS)
def test_an_error_shows_its_argument_as_data(config: Path, text: str) -> None:
    for arguments in (
        ("merchant", "secrets", text),
        ("webhooks", "endpoints", "add", "mer_1", text),
        ("cards", "suspend", text, text, text, "--reason", text),
        ("cards", "list", "--limit", text),
        ("cards", f"--{text}"),
        (text,),
    ):
        done = tokenvault(*arguments, *(("--config", str(config)) if arguments != (text,) else ()))
        assert done.returncode != UNEXPECTED, (arguments[:2], done.stderr)
        assert hostile_characters(done.stdout + done.stderr) == set(), arguments[:2]


@given(st.text())
def test_what_is_escaped_is_one_line_without_hidden_characters(text: str) -> None:
    assert hostile_characters(escaped(text)) == set()
    assert not set("\n\t") & set(escaped(text))


@given(st.text(), st.text())
def test_two_texts_never_look_the_same(one: str, other: str) -> None:
    assert (escaped(one) == escaped(other)) == (one == other)
    assert escaped(escaped(one)) != escaped(one) or "\\" not in escaped(one)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_escaped_json_has_the_same_content(text: str) -> None:
    document = msgspec.json.encode([text]).decode()
    assert json.loads(escaped_json(document)) == [text]
    assert hostile_characters(escaped_json(document)) == set()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_log_line_shows_every_text_as_data(text: str) -> None:
    record = logging.makeLogRecord({"msg": text, "hint": text, "levelname": "INFO", text: text})
    line = JsonLines().format(record)
    assert hostile_characters(line) == set()
    assert "\n" not in line
    assert json.loads(line)["hint"] == text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
async def test_an_access_line_shows_every_text_as_data(text: str) -> None:
    stream = io.BytesIO()
    log = AccessLog(stream)
    for customer in (text, "asha"):
        log.write(AccessLine("", "info", "calls", "call", "req", "fetch", 200, 1, customer_id=customer))
    log.flush()
    written = stream.getvalue().decode()
    assert hostile_characters(written) == set()
    assert [json.loads(line)["customer_id"] for line in written.splitlines()] == [text, "asha"]


def test_commands_print_through_one_module() -> None:
    printing = re.compile(r"click\.(echo|secho|style)|(?<![\w.])print\(|rich[. ]")
    modules = (tree.ROOT / "packages/server/src/tokenvault_server/cli").glob("*.py")
    assert [path.name for path in modules if printing.search(path.read_text())] == ["output.py"]
