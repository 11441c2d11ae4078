"""Ask the OSV database which locked packages have known vulnerabilities; exit 0 only if it answered: none.

All packages of all locks are sent in one question, by name and version (https://google.github.io/osv.dev/post-v1-querybatch/).
A database that cannot be reached, or that answers for fewer packages than were asked for, is a failure: silence is not
a good answer. The Makefile's `advisories` target calls this.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
DATABASE: Final = "https://api.osv.dev/v1/querybatch"
_SECONDS: Final = 30


class Pin(NamedTuple):
    """A package of a lock."""

    name: str
    version: str


class NoAnswerError(Exception):
    """The database did not answer for every package."""


def main() -> int:
    """Return 0 if no package has an advisory, 1 if one has, 2 if the database did not answer."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--url", default=DATABASE, help="of the database's batch query [%(default)s]")
    url = flags.parse_args().url
    pins = sorted({pin for lock in ROOT.glob("requirements-*.lock") for pin in pins_of(lock)})
    try:
        found = advisories(pins, url)
    except NoAnswerError as error:
        print(f"not checked: {error}", file=sys.stderr)
        return 2
    for pin, ids in found.items():
        print(f"{pin.name} {pin.version}: {', '.join(ids)}")
    print(f"{len(pins)} packages, {len(found)} with advisories")
    return 1 if found else 0


def pins_of(lock: Path) -> list[Pin]:
    """Return the packages of a lock."""
    return [Pin(*pin) for pin in re.findall(r"^([a-z0-9._-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE)]


def advisories(pins: list[Pin], url: str) -> dict[Pin, list[str]]:
    """Return the ids of the advisories of each package that has any.

    Raises:
        NoAnswerError: The database cannot be reached, or did not answer for every package.
    """
    queries = [{"package": {"ecosystem": "PyPI", "name": pin.name}, "version": pin.version} for pin in pins]
    body = json.dumps({"queries": queries}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310  # we chose it
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
            results = json.load(answer)["results"]
        found = {
            pin: [each["id"] for each in result.get("vulns", [])] for pin, result in zip(pins, results, strict=True)
        }
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoAnswerError(f"{url} gave no usable answer ({type(error).__name__})") from None
    return {pin: ids for pin, ids in found.items() if ids}


if __name__ == "__main__":
    raise SystemExit(main())
