"""A release: a second build is the same, its components are listed, and RELEASING.md signs and checks it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.docs.pages import blocks
from tools import distributions
from tools.release_check import SUMS, differences, write_lists

pytestmark = pytest.mark.system

LONG_AGO = datetime(2001, 2, 3, tzinfo=UTC).timestamp()
MAKE_KEY, SIGN, CHECK = (block.text for block in blocks("RELEASING.md") if block.language == "sh")
(FROM_A_TAG,) = (block.text for block in blocks("README.md") if "git+" in block.text)
(FROM_AN_ARCHIVE,) = (
    block.text for block in blocks("README.md") if block.text.endswith("/contract ./packages/client\n")
)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which `dist` has a release."""
    folder = tmp_path_factory.mktemp("release")
    write_lists(distributions.build(distributions.copy(folder / "source"), folder / "dist"))
    return folder


@pytest.fixture
def signed(release: Path, tmp_path: Path) -> Path:
    """Return a copy of the release, signed with a throw-away key."""
    shutil.copytree(release / "dist", tmp_path / "dist")
    typed(MAKE_KEY + SIGN, tmp_path)
    return tmp_path


def test_a_second_build_elsewhere_and_by_other_people_is_the_same(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sorted([*(release / "dist").glob("*.whl"), *(release / "dist").glob("*.tar.gz")])
    for name, value in {"TZ": "Asia/Kolkata", "LANG": "C", "PYTHONHASHSEED": "7", "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    usual = os.umask(0o077)
    try:
        source = distributions.copy(tmp_path / "elsewhere")
        for path in source.rglob("*"):
            os.utime(path, (LONG_AGO, LONG_AGO))
        second = distributions.build(source, tmp_path / "dist")
    finally:
        os.umask(usual)
    assert len(first) == 2 * len(distributions.packages())
    assert differences(first, second) == []


def test_the_only_time_in_an_archive_is_that_of_the_release(release: Path) -> None:
    released = distributions.released_at()
    wheels, sdists = ((release / "dist").glob(pattern) for pattern in ("*.whl", "*.tar.gz"))
    times = {info.date_time for wheel in wheels for info in zipfile.ZipFile(wheel).infolist()}
    assert times == {released.timetuple()[:6]}
    for sdist in sdists:
        with tarfile.open(sdist) as archive:
            assert {member.mtime for member in archive.getmembers()} == {released.timestamp()}
        assert int.from_bytes(sdist.read_bytes()[4:8], "little") == released.timestamp()  # RFC 1952, 2.3.1: MTIME


def test_a_release_that_was_built_in_a_clone_knows_its_revision(release: Path) -> None:
    (wheel,) = (release / "dist").glob("tokenvault_server-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        code = archive.read("tokenvault_server/telemetry/revision.py").decode()
    assert re.search('"[0-9a-f]{40}"', code)
    assert "Format" not in code


def test_the_list_of_components_is_valid_and_names_every_file_of_the_release(release: Path) -> None:
    (listed,) = (release / "dist").glob("*.cdx.json")
    text = listed.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    hashes = dict(re.findall(r"^(\w{64})  (.+)$", (release / "dist" / SUMS).read_text(), re.MULTILINE))
    ours = [each for each in json.loads(text)["components"] if "tokenvault" in each["name"]]
    named = {file["hashes"][0]["content"]: file["url"] for each in ours for file in each["externalReferences"]}
    assert named.items() == {item for item in hashes.items() if item[1] != listed.name}


def test_signed_checksums_are_accepted(signed: Path) -> None:
    printed = typed(CHECK, signed)
    assert 'Good "tokenvault-release" signature' in printed
    assert printed.count(": OK\n") == 2 * len(distributions.packages()) + 1


@pytest.mark.parametrize("changed", [SUMS, "*server*.whl", "*.cdx.json"])
def test_a_release_with_a_changed_file_is_rejected(signed: Path, changed: str) -> None:
    (path,) = (signed / "dist").glob(changed)
    path.write_bytes(path.read_bytes() + b"\n")
    assert fails(CHECK, signed)


def test_a_signature_of_a_key_that_is_not_listed_is_rejected(signed: Path) -> None:
    listed = (signed / "release-signers").read_text()
    (signed / "key").unlink()
    (signed / "dist" / f"{SUMS}.sig").unlink()
    typed(MAKE_KEY + SIGN, signed)
    (signed / "release-signers").write_text(listed)
    assert fails(CHECK, signed)


@pytest.mark.parametrize("way", ["tag", "archive"])
def test_the_client_is_installed_from_a_tag_or_an_archive_as_the_readme_says(way: str, tmp_path: Path) -> None:
    source = distributions.copy(tmp_path / "source")
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    environment = {"PATH": f"{tmp_path / 'venv' / 'bin'}:{os.environ['PATH']}"}
    if way == "tag":
        git = "git -c init.defaultBranch=main -c user.name=Test -c user.email=test@example.com"
        typed(f"git init -q . && git add . && {git} commit -qm Release && {git} tag v0.1.0", source)
        typed(FROM_A_TAG, tmp_path, environment | {"REPOSITORY": f"file://{source}", "TAG": "v0.1.0"})
    else:
        typed(FROM_AN_ARCHIVE, source, environment)
    assert typed('python -c "import tokenvault_client; print(tokenvault_client.__name__)"', tmp_path, environment) == (
        "tokenvault_client\n"
    )


def typed(text: str, folder: Path, environment: dict[str, str] | None = None) -> str:
    """Run commands in a folder, with an unprotected key in `key`; return their output."""
    done = _run(text, folder, environment or {})
    assert done.returncode == 0, done.stdout
    return done.stdout


def fails(text: str, folder: Path) -> bool:
    return _run(text, folder, {}).returncode != 0


def _run(text: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    # Without a terminal, ssh-keygen takes the passphrase of a new key from its input: here, none.
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=folder,
        env=os.environ
        | {"KEY": str(folder / "key"), "SSH_ASKPASS": "/bin/true", "SSH_ASKPASS_REQUIRE": "force"}
        | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
