"""`make docs`: a site whose links all lead somewhere, and which asks no other host for anything."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repository import tree
from tools.distributions import ROOT

pytestmark = pytest.mark.system

LOADED = re.compile(
    r"""<(?:script|img|iframe)[^>]+src=["'](?:https?:)?//|<link[^>]+stylesheet[^>]+href=["']?(?:https?:)?//"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site."""
    folder = tmp_path_factory.mktemp("site")
    build = [sys.executable, "-m", "tools.docs_site", str(folder)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_every_page_of_the_documentation_is_in_the_site_and_in_its_search(site: Path) -> None:
    pages = [path.relative_to(ROOT).with_suffix(".html") for path in tree.files() if path.match("docs/**/*.md")]
    assert pages
    assert [page for page in pages if not (site / page).exists()] == []
    found = {entry["location"] for entry in json.loads((site / "search/search_index.json").read_text())["docs"]}
    assert [page for page in pages if page.as_posix() not in found] == []


def test_no_page_of_the_site_loads_anything_from_another_host(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert pages
    assert [page.name for page in pages if LOADED.search(page.read_text())] == []


def test_the_openapi_document_is_beside_the_page_of_the_api(site: Path) -> None:
    assert json.loads((site / "docs/reference/openapi.json").read_text())["openapi"].startswith("3.1")
