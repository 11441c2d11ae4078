"""Write the list of components of a release as CycloneDX 1.6: our distributions, and what the locks install with them.

The packages of `requirements-server-otel.lock` are those of a server with all extras, with their versions. What the
clients need in addition comes from `requirements-dev.lock`, whose versions the tests run with. Nothing in the document
depends on when or where it was made. Neighbour: `tools/release_check.py`, which puts it into `dist/`.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.distributions import ROOT, packages, project, released_at, sha256, version

_NAMESPACE: Final = uuid.UUID("6e3d3c5c-70f7-4f7e-8f0e-4f6b6a0a8d53")
"""Of the serial numbers of our documents; drawn once."""


class Locked(NamedTuple):
    """A package of a lock."""

    name: str
    version: str
    hashes: tuple[str, ...]
    """SHA-256 of each file that the lock accepts, in hex."""


def document(archives: Iterable[Path] = ()) -> str:
    """Return the document as JSON; `archives` are the built distributions, whose hashes it names."""
    built = sorted(archives)
    locked = shipped()
    ours = {str(project(package)["name"]): _ours(project(package), built) for package in packages()}
    theirs = {each.name: _theirs(each) for each in locked.values()}
    every = ours | theirs
    whole = Component(
        name="tokenvault", version=version(), type=ComponentType.APPLICATION, bom_ref=f"tokenvault@{version()}"
    )
    bom = Bom(
        components=every.values(), serial_number=uuid.uuid5(_NAMESPACE, repr((version(), sorted(locked.items()))))
    )
    bom.metadata.component = whole
    bom.metadata.timestamp = released_at()
    bom.metadata.tools.components.clear()  # whoever builds it again may have another version of the library
    bom.register_dependency(whole, ours.values())
    for name, component in every.items():
        bom.register_dependency(component, [every[needed] for needed in sorted(_needs(name)) if needed in every])
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def shipped() -> dict[str, Locked]:
    """Return the locked packages that an installation of ours brings, by name."""
    server = locked_in(ROOT / "requirements-server-otel.lock")
    tested = locked_in(ROOT / "requirements-dev.lock")
    wanted = {name for package in packages() for name in _names(project(package)["dependencies"])}
    waiting, found = sorted(wanted & tested.keys()), dict(server)
    while waiting:
        name = waiting.pop()
        found.setdefault(name, tested[name])
        waiting += sorted((_needs(name) & tested.keys()) - found.keys())
    return dict(sorted(found.items()))


def locked_in(lock: Path) -> dict[str, Locked]:
    """Return the packages of a lock, by name."""
    entries = re.split(r"\n(?=\S)", lock.read_text().strip())
    found = [
        Locked(pin[1], pin[2], tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)))
        for entry in entries
        if (pin := re.match(r"([a-z0-9._-]+)==([^\s;]+)", entry))
    ]
    return {each.name: each for each in found}


def _needs(name: str) -> set[str]:
    """Return the names of what a package needs, on any platform, without its extras."""
    for package in packages():
        if project(package)["name"] == name:
            extras = project(package).get("optional-dependencies", {}) if name == "tokenvault-server" else {}
            return _names([*project(package)["dependencies"], *chain.from_iterable(extras.values())])
    try:
        return _names(requires(name) or [])
    except PackageNotFoundError:  # another platform installs it
        return set()


def _names(lines: list[str]) -> set[str]:
    wanted = [Requirement(line) for line in lines]
    return {canonicalize_name(each.name) for each in wanted if "extra" not in str(each.marker)}


def _ours(described: dict[str, str], built: list[Path]) -> Component:
    name = str(described["name"])
    stem = f"{name.replace('-', '_')}-"
    files = [path for path in built if path.name.startswith(stem)]
    return Component(
        name=name,
        version=described["version"],
        description=described["description"],
        bom_ref=f"{name}@{described['version']}",
        licenses=[LicenseExpression(described["license"])],
        external_references=[_file(path.name, [sha256(path)]) for path in files],
    )


def _theirs(locked: Locked) -> Component:
    purl = PackageURL("pypi", name=locked.name, version=locked.version)
    reference = purl.to_string()
    return Component(
        name=locked.name,
        version=locked.version,
        purl=purl,
        bom_ref=reference,
        # One file for each platform: the hash of the installed one is among these.
        external_references=[_file(reference, locked.hashes)],
    )


def _file(url: str, hashes: Iterable[str]) -> ExternalReference:
    return ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(url),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in hashes],
    )
