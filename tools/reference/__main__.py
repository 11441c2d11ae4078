"""Write every page: `python -m tools.reference`."""

from __future__ import annotations

from tools.reference import FOLDER, PAGES, architecture

if __name__ == "__main__":
    architecture.PATH.write_text(architecture.page(), encoding="utf-8")
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
