"""Build the documentation as a site in `site/`: `make docs`.

The pages keep their places beside the files that they link to, so the links that a forge follows work here too. mkdocs
is strict: a link or a section that does not exist fails the build. (It counts what it prints, so it must not be quiet.)
Scripts, styles and the search index are part of the site: a reader's browser asks no other host.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.distributions import ROOT, copy

SITE: Final = ROOT / "site"
_SECTIONS: Final = {
    "Tutorials": "docs/tutorial",
    "How to": "docs/how-to",
    "Explanation": "docs/explanation",
    "Reference": "docs/reference",
    "Decisions": "docs/adr",
}
_PROJECT: Final = (
    "ARCHITECTURE",
    "CONTRIBUTING",
    "SECURITY",
    "RELEASING",
    "CHANGELOG",
    "bench/RESULTS",
    "examples/README",
    "packages/pytest-tokenvault/README",
)
_LINK: Final = re.compile(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)")
_CONFIG: Final = """\
site_name: Tokenvault
docs_dir: pages
use_directory_urls: false
theme:
  name: material
  font: false
  features: [navigation.indexes, navigation.top, content.code.copy, search.highlight]
  palette:
    - {media: "(prefers-color-scheme: light)", scheme: default, toggle: {icon: material/weather-night, name: Dark}}
    - {media: "(prefers-color-scheme: dark)", scheme: slate, toggle: {icon: material/weather-sunny, name: Light}}
plugins: [search]
markdown_extensions:
  - tables
  - sane_lists
  - pymdownx.superfences
  - pymdownx.highlight
  - toc:
      permalink: true
      slugify: !!python/object/apply:pymdownx.slugs.slugify {kwds: {case: lower}}
validation:
  nav: {omitted_files: warn, not_found: warn}
  links: {not_found: warn, anchors: warn, absolute_links: warn, unrecognized_links: warn}
extra: {generator: false}
nav:
"""


def main() -> int:
    """Build the site into a folder, by default `site/`; return mkdocs' exit code, 1 when a link is broken."""
    site = Path(sys.argv[1]).resolve() if sys.argv[1:] else SITE
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        stage(copy(root / "source"), root / "pages")
        (root / "mkdocs.yml").write_text(_CONFIG + "".join(navigation(root / "pages")), encoding="utf-8")
        build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
        quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}  # advertisement of a successor
        return subprocess.run(build, cwd=root, env=quiet, check=False).returncode


def stage(source: Path, pages: Path) -> None:
    """Copy every page to its place in `pages`, and every file that a page links to."""
    for page in pages_of(source):
        linked = [page.parent / target for target in _LINK.findall(page.read_text(encoding="utf-8"))]
        for path in [page, *linked]:
            place = pages / path.resolve().relative_to(source.resolve())
            if path.is_file():
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, place)


def pages_of(source: Path) -> list[Path]:
    """Return the pages of the site."""
    project = [source / f"{name}.md" for name in ("README", *_PROJECT)]
    return [*project, *sorted((source / "docs").rglob("*.md"))]


def navigation(pages: Path) -> Iterator[str]:
    """Yield the lines of the navigation; mkdocs takes each title from its page."""
    yield "  - README.md\n  - Documentation: docs/index.md\n"
    for title, folder in _SECTIONS.items():
        yield f"  - {title}:\n"
        yield from (f"      - {page.relative_to(pages)}\n" for page in sorted((pages / folder).glob("*.md")))
    yield "  - Glossary: docs/glossary.md\n  - Project:\n"
    yield from (f"      - {name}.md\n" for name in _PROJECT)


if __name__ == "__main__":
    raise SystemExit(main())
