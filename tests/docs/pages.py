"""The pages as a reader meets them: blocks of code in order, and a person who types them into two terminals.

A `sh` block is run as it stands, in one folder and with the variables that earlier blocks set. A block that starts a
server is given a terminal of its own and holds it. A `json` block below an `sh` block shows what that one prints last;
its shape is compared, since ids and times differ. A `text` block is compared line by line, `...` standing for anything.
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
SERVER = re.compile(r"^tokenvault (emulator|serve)\b", re.MULTILINE)
SAYS_READY = {"emulator": b"\n", "serve": b"Started worker"}
NOT_TYPED = re.compile(r"^(make |sudo |git clone |pip install )", re.MULTILINE)
SECONDS = 60


class Block(NamedTuple):
    """One fenced block of a page."""

    language: str
    text: str


def blocks(page: str) -> list[Block]:
    """Gives the fenced blocks of a page in order."""
    return [Block(*found) for found in FENCE.findall(tree.text(tree.ROOT / page))]


class Reader:
    """Somebody who reads a page and does what it says, in one folder."""

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
        """Does everything that a page says, and compares what it promises."""
        printed = ""
        for block in blocks(page):
            if block.language == "sh":
                printed = "" if NOT_TYPED.search(block.text) else self.type(block.text)
            elif block.language == "json" and printed:
                assert shape(last_json(printed)) == shape(json.loads(block.text)), printed
            elif block.language == "text" and printed:
                assert re.search(pattern(block.text), printed), printed

    def type(self, text: str) -> str:
        """Runs a block and gives what it printed; one that serves goes on in a terminal of its own."""
        text = self._moved(text)
        serving = SERVER.search(text)
        if not serving:
            return self._run(text)
        before, command = text[: serving.start()], text[serving.start() :]
        printed = self._run(before)
        self._serve(serving[1], command)
        return printed

    def leave(self) -> None:
        """Ends the servers as Ctrl+C or a supervisor would, and sees them end well."""
        for server in self._servers:
            server.terminate()
            said, _ = server.communicate(timeout=SECONDS)
            assert server.returncode == 0, said
        self._servers.clear()

    def _moved(self, text: str) -> str:
        """Takes ports that are free here instead of the usual ones."""
        for usual, free in self._ports.items():
            text = text.replace(f":{usual}", f":{free}")
        return re.sub(r"^(tokenvault emulator)", rf"\1 --port {self._ports['8480']}", text, flags=re.MULTILINE)

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
        """Starts a server and waits for the words that say it answers."""
        self.leave()  # a reader has two hands and one port
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
    """Gives a reader, and ends what it left running."""
    reader = Reader(folder)
    try:
        yield reader
    finally:
        reader.leave()


def read_until(process: subprocess.Popen[bytes], words: bytes) -> bytes:
    """Reads what a process says up to certain words."""
    assert process.stdout
    said = b""
    while words not in said:
        readable, _, _ = select.select([process.stdout], [], [], SECONDS)
        part = os.read(process.stdout.fileno(), 65_536) if readable else b""
        assert part, f"ended or fell silent before saying {words!r}: {said!r}"
        said += part
    return said


def free_port() -> str:
    """Gives a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def last_json(printed: str) -> Any:
    """Gives the last JSON document of what was printed."""
    decoder = json.JSONDecoder()
    starts = [match.start() for match in re.finditer(r"^[\[{]|(?<=\})\{", printed, re.MULTILINE)]
    value, _ = decoder.raw_decode(printed, starts[-1])
    return value


def shape(value: Any) -> Any:
    """Gives the names and kinds in a JSON value, without its particulars."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return type(value).__name__


def pattern(text: str) -> str:
    """Gives the pattern of a text in which `...` stands for anything on its line."""
    return re.escape(text.strip()).replace(r"\.\.\.", "[^\n]*")
