"""The recipes for the official SDKs work as printed, with the SDKs as they are published."""

import dataclasses
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance import environments
from tests.docs.pages import SECONDS, assert_shown, blocks, with_output
from tests.support.emulator_process import Emulator, emulator, instruments

HOW_TO = "docs/how-to/point-the-official-sdk-at-it.md"
POINTING, NEWEST, OLDER, OLDEST = (block.text for block in blocks(HOW_TO) if block.language == "python")
(NODE,) = (block.text for block in blocks(HOW_TO) if block.language == "js")
README, README_SHOWS = with_output("README.md", "from cashfree_pg")


pytestmark = pytest.mark.system  # installs the official SDKs, and each import of one takes a second


@pytest.fixture(scope="module")
def running() -> Iterator[Emulator]:
    with emulator() as started:
        yield started


@pytest.fixture
def instrument_id(running: Emulator, tmp_path: Path) -> str:
    """A saved card of the customer that the recipes name, beside the file that they read."""
    (tmp_path / "emulator.json").write_text(json.dumps(dataclasses.asdict(running)))
    saved: str = running.save("asha")["instrument_id"]
    return saved


@pytest.mark.parametrize(
    ("version", "recipe"),
    [
        pytest.param("6.0.1", POINTING + NEWEST, id="6.x"),
        pytest.param("5.0.5", POINTING + OLDER, id="5.x"),
        pytest.param("4.5.1", POINTING + OLDEST, id="4.x"),
    ],
)
def test_a_python_recipe_reaches_the_vault(version: str, recipe: str, instrument_id: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.py").write_text(recipe)
    python = str(environments.python_environment(version))
    assert instrument_id in printed([python, "-W", "ignore", "recipe.py"], tmp_path)


def test_the_front_pages_recipe_prints_what_the_page_shows(
    instrument_id: str, running: Emulator, tmp_path: Path
) -> None:
    (tmp_path / "recipe.py").write_text(README)
    assert instrument_id
    for each in running.ask("GET", instruments("asha") + "?instrument_type=card")[1]:
        running.ask("DELETE", instruments("asha", each["instrument_id"]))
    running.save("asha")
    python = str(environments.python_environment("6.0.1"))
    assert_shown(README_SHOWS, printed([python, "-W", "ignore", "recipe.py"], tmp_path))


def test_the_node_recipe_reaches_the_vault(instrument_id: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.cjs").write_text(NODE)
    (tmp_path / "node_modules").symlink_to(environments.node_environment("6.0.6") / "node_modules")
    assert instrument_id in printed([environments.node(), "recipe.cjs"], tmp_path)


def printed(command: list[str], folder: Path) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
