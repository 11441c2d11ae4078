"""`tokenvault limits`: limits are set, listed and cleared; invalid ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import run_json, tokenvault
from tests.support.served_process import initialised


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return initialised(tmp_path_factory.mktemp("limits") / "vault")


@pytest.fixture(scope="module")
def merchant_id(vault: Path) -> str:
    added: str = run_json("merchant", "add", "Shop", "--config", str(vault))["merchant_id"]
    return added


def test_a_limit_is_set_listed_and_cleared(vault: Path, merchant_id: str) -> None:
    config = ("--config", str(vault))
    assert tokenvault("limits", "set", merchant_id, "fetch_instrument", "5000", *config).returncode == 0
    assert tokenvault("limits", "set", merchant_id, "fetch_instrument", "50", *config).returncode == 0
    listed: object = run_json("limits", "list", *config)
    assert listed == [{"merchant_id": merchant_id, "operation": "fetch_instrument", "per_minute": 50}]
    assert merchant_id in tokenvault("limits", "list", *config).stdout
    assert tokenvault("limits", "clear", merchant_id, "fetch_instrument", *config).returncode == 0
    listed = run_json("limits", "list", *config)
    assert listed == []


@pytest.mark.parametrize(("operation", "per_minute"), [("no_operation", "5"), ("fetch_instrument", "0")])
def test_an_invalid_limit_is_refused(vault: Path, merchant_id: str, operation: str, per_minute: str) -> None:
    done = tokenvault("limits", "set", merchant_id, operation, per_minute, "--config", str(vault))
    assert done.returncode == 2


@pytest.mark.parametrize(
    "arguments", [("set", "mer_x", "fetch_instrument", "5"), ("clear", "mer_x", "fetch_instrument")]
)
def test_an_unknown_merchant_is_not_found(vault: Path, arguments: tuple[str, ...]) -> None:
    done = tokenvault("limits", *arguments, "--config", str(vault))
    assert (done.returncode, "merchant list" in done.stderr) == (6, True)
