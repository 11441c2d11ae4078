"""Pages as readers follow them: the blocks of code in order, typed into two terminals.

An `sh` block runs as it is, in one folder and with the variables that earlier blocks set. A block that starts a server
gets a terminal of its own. A `json` block below an `sh` block shows all that the block printed: as many documents, with
the same names and values. Ids, times, keys and numbers of tokens differ from run to run: words with digits in them may
differ, if they have the same form. A `text` block is compared line by line; `...` stands for anything, and for
any lines where it is a line of its own.
"""

from __future__ import annotations

import json
import os
import re
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.repository import tree

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SERVER = re.compile(r"^tokenvault (emulator|serve)(?= *(?:$|[->\\]))(?!.* exec )", re.MULTILINE)
SAYS_READY = {"emulator": b"\n", "serve": b"Started worker"}
NOT_TYPED = re.compile(r"^(make |sudo |git clone |pip install |docker |kubectl )", re.MULTILINE)
SECONDS = 60
LARGE = 100_000
"""From here on an integer in an output is a time."""


class Block(NamedTuple):
    """One fenced block of a page."""

    language: str
    text: str


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page in order."""
    return [Block(*found) for found in FENCE.findall(tree.text(tree.ROOT / page))]


class Reader:
    """A reader who types the blocks of pages in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {"8480": free_port(), "8481": free_port()}
        self._servers: list[subprocess.Popen[bytes]] = []
        self._remembered = folder / ".remembered"
        self._remembered.touch()
        self._environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "TOKENVAULT_PORT": self._ports["8480"],
            "TOKENVAULT_ADMIN_PORT": self._ports["8481"],
        }

    def follow(self, page: str) -> None:
        """Type every block of a page and compare the output with the page."""
        printed = ""
        for block in blocks(page):
            if block.language == "sh":
                printed = "" if NOT_TYPED.search(block.text) else self.type(block.text)
            elif printed:
                assert_shown(block, printed)

    def type(self, text: str) -> str:
        """Run a block and return its output; a server keeps running in a terminal of its own."""
        text = self._moved(text)
        serving = SERVER.search(text)
        if not serving:
            return self._run(text)
        before, command = text[: serving.start()], text[serving.start() :]
        printed = self._run(before)
        self._serve(serving[1], command)
        return printed

    def leave(self) -> None:
        """Stop the servers as Ctrl+C or a supervisor does; they must exit cleanly."""
        for server in self._servers:
            server.terminate()
            said, _ = server.communicate(timeout=SECONDS)
            assert server.returncode == 0, said
        self._servers.clear()

    def _moved(self, text: str) -> str:
        """Replace the usual ports by free ones."""
        for usual, free in self._ports.items():
            text = text.replace(f":{usual}", f":{free}")
        return SERVER.sub(
            lambda found: found[0] + (f" --port {self._ports['8480']}" if found[1] == "emulator" else ""), text
        )

    def _run(self, text: str) -> str:
        script = (
            f"set -euo pipefail\n. ./.remembered\n{text}\n(set -o posix; declare -p; declare -f) > .remembered.new\n"
        )
        script += "grep -vE '^declare -[a-zA-Z]*[ri]' .remembered.new > .remembered\n"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _serve(self, kind: str, command: str) -> None:
        """Start a server and wait for the words that say it answers."""
        self.leave()  # one port, one server
        command, _, target = command.strip().partition(" > ")
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._servers.append(process)
        said = read_until(process, SAYS_READY[kind])
        if target:
            (self._folder / target).write_bytes(said)


@contextmanager
def reading(folder: Path) -> Iterator[Reader]:
    """Give a reader until the block ends; stop its servers then."""
    reader = Reader(folder)
    try:
        yield reader
    finally:
        reader.leave()


def assert_shown(block: Block, printed: str) -> None:
    """Check that a `json` or `text` block shows what was printed; other blocks show nothing."""
    if block.language == "json":
        assert forms(documents(printed)) == forms(documents(block.text)), printed
    elif block.language == "text":
        assert re.fullmatch(pattern(block.text), printed.strip()), printed


def with_output(page: str, words: str) -> tuple[str, Block]:
    """Return the text of the block of a page that has these words, and the block below, which shows its output."""
    found = blocks(page)
    (index,) = [number for number, block in enumerate(found) if words in block.text]
    return found[index].text, found[index + 1]


def read_until(process: subprocess.Popen[bytes], words: bytes) -> bytes:
    """Read the output of a process up to certain words."""
    assert process.stdout
    said = b""
    while words not in said:
        readable, _, _ = select.select([process.stdout], [], [], SECONDS)
        part = os.read(process.stdout.fileno(), 65_536) if readable else b""
        assert part, f"ended or fell silent before saying {words!r}: {said!r}"
        said += part
    return said


def free_port() -> str:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def documents(printed: str) -> list[Any]:
    """Return all JSON documents of an output, which has nothing else."""
    decoder, found, rest = json.JSONDecoder(), [], printed.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:].lstrip()
    return found


def forms(value: Any) -> Any:
    """Return a JSON value with the form of each word that has a digit in it, instead of the word."""
    if isinstance(value, dict):
        return {name: forms(each) for name, each in value.items()}
    if isinstance(value, list):
        return [forms(each) for each in value]
    if isinstance(value, str):
        return re.sub(r"\S*[0-9=]\S*", lambda word: form(word[0]), value)
    return form(str(value)) if type(value) is int and value >= LARGE else value


def form(word: str) -> str:
    """Return a word with `9` for digits and letters, which random texts mix; a mask (`XXXX2123`) stays as it is."""
    return word if re.fullmatch(r"X+[0-9]{4}", word) else re.sub(r"[0-9A-Za-z+/]", "9", word)


def pattern(text: str) -> str:
    """Return the pattern of a text in which `...` stands for anything on its line, and alone for any lines."""
    lines = re.escape(text.strip()).replace(r"\.\.\.", "[^\n]*").split("\\\n")
    return "\n".join("(?s:.*)" if line == "[^\n]*" else line for line in lines)
