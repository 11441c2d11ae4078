"""The command line on a real vault: results, one clear line for each error, and exit codes by the kind of error."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.support.commands import tokenvault
from tests.support.served_process import initialised
from tokenvault_server import __version__, cli


class Shell:
    """Runs commands in this process, with one vault's configuration."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "vault" / "tokenvault.toml"
        self.runner = CliRunner()

    def run(self, *arguments: str, text: str | None = None) -> Result:
        return self.runner.invoke(cli.tokenvault, list(arguments), input=text)

    def on_vault(self, *arguments: str, text: str | None = None) -> Result:
        return self.run(*arguments, "--config", str(self.config), text=text)

    def json(self, *arguments: str) -> Any:
        result = self.on_vault(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    initialised(tmp_path / "vault")
    return Shell(tmp_path)


def exit_code(*arguments: str) -> int:
    """Run a command and return its exit code."""
    return tokenvault(*arguments).returncode


def test_the_version_is_printed(shell: Shell) -> None:
    assert __version__ in shell.run("--version").output


def test_help_lists_every_command_with_what_it_does(shell: Shell) -> None:
    output = shell.run("--help").output
    for command in ("emulator", "serve", "init", "merchant", "partner", "cards", "cryptogram", "audit", "doctor"):
        assert f"  {command} " in output


@pytest.mark.parametrize(
    "command", ["emulator", "serve", "init", "merchant", "partner", "cards", "cryptogram", "audit", "doctor"]
)
def test_every_command_has_a_help_text(shell: Shell, command: str) -> None:
    result = shell.run(command, "--help")
    assert (result.exit_code, "Usage:" in result.output) == (0, True)


def test_only_the_owner_can_read_the_files_of_a_new_vault(tmp_path: Path) -> None:
    assert exit_code("init", str(tmp_path / "vault")) == 0
    modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "vault").iterdir()}
    assert modes.keys() >= {"tokenvault.toml", "master.key", "vault.db", "tsp.db", "audit-anchor.json"}
    assert set(modes.values()) == {0o600}


def test_a_new_vault_never_overwrites_another(shell: Shell) -> None:
    before = (shell.config.parent / "master.key").read_bytes()
    assert exit_code("init", str(shell.config.parent)) == 3
    assert (shell.config.parent / "master.key").read_bytes() == before


def test_an_added_merchant_is_listed_without_its_secret(shell: Shell) -> None:
    added = shell.json("merchant", "add", "Corner Shop")
    listed = shell.json("merchant", "list")
    assert [merchant["name"] for merchant in listed] == ["Corner Shop"]
    assert added["client_secret"] not in json.dumps(listed)


def test_a_new_vault_has_no_cards(shell: Shell) -> None:
    shell.json("merchant", "add", "Corner Shop")
    assert shell.json("cards", "list") == []


def test_the_test_cards_are_listed_without_a_vault(shell: Shell) -> None:
    cards = json.loads(shell.run("cards", "test", "--json").stdout)
    assert "4706131211212123" in [card["number"] for card in cards]


def test_an_untouched_audit_trail_verifies(shell: Shell) -> None:
    shell.json("merchant", "add", "Corner Shop")
    assert shell.json("audit", "verify")["intact"] is True


def test_an_intact_vault_passes_the_doctor(shell: Shell) -> None:
    report = shell.json("doctor")
    assert all(check["is_fine"] for check in report["checks"])
    assert report["settings"]["port"] == 8480


def test_the_doctor_says_what_is_wrong_with_a_database_and_what_to_do(shell: Shell) -> None:
    (shell.config.parent / "vault.db").unlink()
    result = shell.on_vault("doctor", "--json")
    (found,) = [each["message"] for each in json.loads(result.stdout)["checks"] if each["check"] == "stores"]
    assert re.fullmatch(r"\S.*; \S.*", found)


def test_an_error_of_the_system_names_the_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = tokenvault("init", str(tmp_path / "file" / "vault"))
    assert (done.returncode, done.stderr) == (4, f"error: Not a directory: {tmp_path}/file/vault\n")


def test_the_doctor_finds_a_key_file_that_others_can_read(shell: Shell) -> None:
    (shell.config.parent / "master.key").chmod(0o644)
    result = shell.on_vault("doctor")
    assert (result.exit_code, "FAILED" in result.output) == (1, True)


@pytest.mark.parametrize(
    "line",
    [
        'trusted_proxies = ["the proxy"]',
        "[deprecated_versions]\n1999-01-01 = 2027-01-01",
        "[rate_limit_per_operation]\nfetch_none = 5",
    ],
)
def test_the_doctor_finds_settings_that_would_stop_the_api_from_starting(shell: Shell, line: str) -> None:
    shell.config.write_text(f"{shell.config.read_text()}\n{line}\n")
    result = shell.on_vault("doctor", "--json")
    failed = [check["check"] for check in json.loads(result.stdout)["checks"] if not check["is_fine"]]
    assert (result.exit_code, failed) == (1, ["API settings"])


@pytest.mark.parametrize(
    ("options", "is_fine"), [("", False), ("?sslmode=require", False), ("?sslmode=verify-full", True)]
)
def test_the_doctor_requires_tls_to_a_database_on_another_machine(shell: Shell, options: str, *, is_fine: bool) -> None:
    remote = f"postgresql://vault@127.0.0.2:1/vault{options}"  # not a name of this machine
    config = "".join(line for line in shell.config.read_text().splitlines(keepends=True) if "store =" not in line)
    shell.config.write_text(f'store = "{remote}"\ntsp_store = "{remote.replace("/vault", "/tsp")}"\n{config}')
    result = shell.on_vault("doctor", "--json")
    checks = {check["check"]: check["is_fine"] for check in json.loads(result.stdout)["checks"]}
    assert checks["store connections"] is is_fine


@pytest.mark.parametrize("body", ["", "{}", "not JSON", '{"card_number": 1}'])
def test_an_invalid_cryptogram_is_refused_without_being_repeated(shell: Shell, body: str) -> None:
    result = shell.on_vault("cryptogram", "verify", "--merchant", "mer_1", text=body)
    assert result.exception is not None
    assert body not in str(result.exception) or not body


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(("merchant", "list", "--config", "none.toml"), 3, id="no configuration"),
        pytest.param(("merchant", "list", "--data", "nowhere"), 3, id="no data directory"),
        pytest.param(("merchant", "list", "--data", "a", "--config", "b"), 2, id="two vaults"),
        pytest.param(("fly",), 2, id="an unknown command"),
        pytest.param(("merchant", "add"), 2, id="a missing argument"),
        pytest.param(("cards", "list", "--customer", "c"), 2, id="a customer without a merchant"),
    ],
)
def test_exit_codes_show_the_kind_of_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    assert exit_code(*arguments) == code


def test_a_missing_master_key_is_reported_in_one_line_with_a_hint(shell: Shell) -> None:
    (shell.config.parent / "master.key").unlink()
    done = tokenvault("merchant", "list", "--config", str(shell.config))
    assert done.returncode == 3
    assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["error", "hint"]


def test_a_missing_database_is_reported_as_unavailable(shell: Shell) -> None:
    (shell.config.parent / "vault.db").unlink()
    assert exit_code("merchant", "list", "--config", str(shell.config)) == 4


def test_serve_refuses_a_passphrase(shell: Shell) -> None:
    text = shell.config.read_text().replace('"file:master.key"', '"passphrase:"')
    shell.config.write_text(text + 'passphrase = "correct horse"\n')
    assert exit_code("serve", "--config", str(shell.config)) == 3


def test_serve_refuses_two_workers_on_sqlite(shell: Shell) -> None:
    assert exit_code("serve", "--config", str(shell.config), "--workers", "2") == 3


def test_serve_refuses_port_0(shell: Shell) -> None:
    assert exit_code("serve", "--config", str(shell.config), "--port", "0") == 3


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "tokenvault_server", "--version"]
    assert __version__ in subprocess.run(command, capture_output=True, text=True, check=True).stdout
