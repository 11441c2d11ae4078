"""Only `reveal` returns the value of a secret."""

from __future__ import annotations

import copy
import pickle

import pytest

from tokenvault_server.domain.card import Pan
from tokenvault_server.domain.network_token import NetworkToken
from tokenvault_server.domain.secret import Secret

SECRETS = [Secret("hidden"), Secret(b"hidden"), Pan("hidden"), NetworkToken("hidden")]


@pytest.fixture(params=SECRETS, ids=lambda secret: type(secret.reveal()).__name__ + " in " + type(secret).__name__)
def secret(request: pytest.FixtureRequest) -> Secret[str]:
    found: Secret[str] = request.param
    return found


def test_a_secret_prints_as_stars(secret: Secret[str]) -> None:
    shown = {repr(secret), str(secret), f"{secret}", f"{secret:>40}", f"{secret!s}", f"{[secret]}"}
    assert all("hidden" not in text and "****" in text for text in shown)


def test_reveal_returns_the_value(secret: Secret[str]) -> None:
    assert secret.reveal() in ("hidden", b"hidden")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_cannot_be_pickled(secret: Secret[str], protocol: int) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret, protocol)


def test_a_secret_cannot_be_copied(secret: Secret[str]) -> None:
    with pytest.raises(TypeError):
        copy.copy(secret)


def test_a_secret_cannot_be_hashed(secret: Secret[str]) -> None:
    with pytest.raises(TypeError):
        hash(secret)


def test_a_secret_has_no_instance_dictionary(secret: Secret[str]) -> None:
    assert not hasattr(secret, "__dict__")


def test_equal_values_are_equal_secrets() -> None:
    assert Secret("one") == Secret("one")
    assert Secret("one") != Secret("two")


def test_a_secret_is_not_its_value() -> None:
    assert Secret("one") != "one"


def test_text_beyond_ascii_is_compared_too() -> None:
    assert Secret("कार्ड") == Secret("कार्ड")
