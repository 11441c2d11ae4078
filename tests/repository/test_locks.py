"""The locks: production gets no build tool, and known vulnerabilities are looked up for every locked package."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import PackageNotFoundError, requires
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.repository import tree
from tools.advisories import NoAnswerError, Pin, advisories, pins_of
from tools.components import shipped

SERVER = {pin.name: pin.version for pin in pins_of(tree.ROOT / "requirements-server.lock")}
TRACED = {pin.name: pin.version for pin in pins_of(tree.ROOT / "requirements-server-otel.lock")}
BUILD = {pin.name: pin.version for pin in pins_of(tree.ROOT / "requirements-build.lock")}
DEVELOPMENT = {pin.name: pin.version for pin in pins_of(tree.ROOT / "requirements-dev.lock")}
PINS = [Pin("click", "8.5.1"), Pin("rich", "15.0.0")]


def needed_by(lines: list[str]) -> set[str]:
    """Return the names of the packages that these requirements bring, here or on another platform."""
    found: set[str] = set()
    waiting = list(lines)
    while waiting:
        requirement = Requirement(waiting.pop())
        name = canonicalize_name(requirement.name)
        if name not in found and "extra" not in str(requirement.marker):
            found.add(name)
            with suppress(PackageNotFoundError):  # another platform needs it
                waiting += requires(name) or []
    return found


def test_production_installs_what_the_server_runs_with_and_no_more() -> None:
    server = tree.project(tree.ROOT / "packages/server/pyproject.toml")
    needed = needed_by([*server["dependencies"], *server["optional-dependencies"]["postgres"]])
    assert SERVER.keys() - needed == set()
    assert SERVER.keys() >= {"apsw", "asyncpg", "cryptography", "granian", "starlette"}


def test_traces_add_what_their_extra_names_to_production_and_no_more() -> None:
    server = tree.project(tree.ROOT / "packages/server/pyproject.toml")
    needed = needed_by(server["optional-dependencies"]["otel"])
    assert TRACED | SERVER == TRACED
    assert TRACED.keys() - SERVER.keys() - needed == set()
    assert TRACED.keys() >= {"opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-http"}
    assert "grpcio" not in TRACED


def test_production_installs_no_build_tool() -> None:
    assert "hatchling" in BUILD
    assert TRACED.keys() & BUILD.keys() == set()


def test_production_and_builds_use_the_versions_that_are_tested() -> None:
    assert {name: DEVELOPMENT.get(name) for name in TRACED | BUILD} == TRACED | BUILD


def test_the_components_of_a_release_are_those_of_the_server_the_clients_and_the_plugin() -> None:
    clients = [line for name in ("client", "cashfree-pg", "pytest-tokenvault") for line in _dependencies(name)]
    assert {name: each.version for name, each in shipped().items()} == {
        name: DEVELOPMENT[name] for name in TRACED.keys() | (needed_by(clients) & DEVELOPMENT.keys())
    }


def _dependencies(package: str) -> list[str]:
    listed: list[str] = tree.project(tree.ROOT / f"packages/{package}/pyproject.toml")["dependencies"]
    return [line for line in listed if not line.startswith("tokenvault-")]


@contextmanager
def database(answer: Any, status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """Yield the URL of a database that gives this answer, and the questions that it got."""
    questions: list[Any] = []

    class Database(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            questions.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with HTTPServer(("127.0.0.1", 0), Database) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/querybatch", questions
        finally:
            server.shutdown()


def test_advisories_are_listed_by_package() -> None:
    with database({"results": [{}, {"vulns": [{"id": "PYSEC-1", "modified": "2026-01-01"}, {"id": "GHSA-2"}]}]}) as (
        url,
        questions,
    ):
        assert advisories(PINS, url) == {PINS[1]: ["PYSEC-1", "GHSA-2"]}
    assert [(each["package"], each["version"]) for each in questions[0]["queries"]] == [
        ({"ecosystem": "PyPI", "name": "click"}, "8.5.1"),
        ({"ecosystem": "PyPI", "name": "rich"}, "15.0.0"),
    ]


def test_without_advisories_nothing_is_listed() -> None:
    with database({"results": [{}, {}]}) as (url, _):
        assert advisories(PINS, url) == {}


@pytest.mark.parametrize(
    ("answer", "status"), [({"results": [{}]}, 200), ({}, 200), ([], 200), ({"results": [{}, None]}, 200), ({}, 503)]
)
def test_an_answer_that_is_not_about_every_package_is_no_good_answer(answer: Any, status: int) -> None:
    with database(answer, status) as (url, _), pytest.raises(NoAnswerError):
        advisories(PINS, url)


def test_a_database_that_cannot_be_reached_is_no_good_answer() -> None:
    with database({}) as (url, _):
        pass
    with pytest.raises(NoAnswerError):
        advisories(PINS, url)
