"""The URI of a key provider names it, and the error for a wrong one lists the possible ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import KeyProviderError
from tokenvault_server.keys.providers import SCHEMES, provider_from
from tokenvault_server.keys.providers.file import FileKek
from tokenvault_server.keys.providers.passphrase import PassphraseKek


@pytest.mark.parametrize("slashes", ["", "//"])
def test_a_file_is_named_by_its_path(key_file: Path, slashes: str) -> None:
    assert isinstance(provider_from(f"file:{slashes}{key_file}"), FileKek)


def test_a_passphrase_comes_beside_the_uri() -> None:
    kek = provider_from("passphrase:", passphrase=Secret("correct horse"))
    assert isinstance(kek, PassphraseKek)
    assert kek.uri == "passphrase:"


@pytest.mark.parametrize("passphrase", [None, Secret("")], ids=["none", "empty"])
def test_no_passphrase_protects_nothing(passphrase: Secret[str] | None) -> None:
    with pytest.raises(KeyProviderError) as caught:
        provider_from("passphrase:", passphrase=passphrase)
    assert "needs a passphrase" in caught.value.hint


def test_a_passphrase_in_the_uri_is_refused_and_not_repeated() -> None:
    with pytest.raises(KeyProviderError) as caught:
        provider_from("passphrase:hunter2", passphrase=Secret("correct horse"))
    assert "hunter2" not in f"{caught.value!r} {caught.value.hint}"


@pytest.mark.parametrize("uri", ["", "file", "file:", "vault:hunter2", "hunter2", "FILE:/x", "env:hunter2"])
def test_a_uri_of_no_provider_is_an_error_that_lists_the_providers(uri: str) -> None:
    with pytest.raises(KeyProviderError) as caught:
        provider_from(uri)
    assert all(scheme in caught.value.hint for scheme in SCHEMES)
    assert "hunter2" not in f"{caught.value!r} {caught.value.hint}"
