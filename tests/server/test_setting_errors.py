"""The error for a setting says which setting it is, and what it may be or what it may be called."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.commands import tokenvault
from tokenvault_server import settings as module
from tokenvault_server.errors import SettingsError
from tokenvault_server.settings import FILE_ONLY, SECRET_FIELDS, Settings, load
from tokenvault_server.settings.allowed import words

TYPES = get_type_hints(Settings, include_extras=True)
INFO = {name: msgspec.inspect.type_info(hint) for name, hint in TYPES.items()}
TEXTS = [name for name, info in INFO.items() if isinstance(info, msgspec.inspect.StrType)]
LISTS_OF_TEXT = {"trusted_proxies", "webhook_networks"}
"""Their items are read when the API opens."""
NAMES = sorted(Settings.__struct_fields__)
SECOND = "[tsp.two]\nkind = 'local'\nstore = 'sqlite:///x.db'\n"
SECRET = "hush-hush-4706131211212123"


def told(environ: dict[str, str], file: Path | None = None) -> str:
    with pytest.raises(SettingsError) as refused:
        load(environ, file)
    return f"{refused.value.message} {refused.value.hint}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokenvault.toml"


@pytest.mark.parametrize("name", sorted(set(NAMES) - FILE_ONLY - SECRET_FIELDS - LISTS_OF_TEXT - set(TEXTS)))
def test_a_value_of_the_wrong_kind_is_answered_with_what_is_allowed(name: str) -> None:
    text = told({f"TOKENVAULT_{name.upper()}": SECRET})
    assert f"the setting '{name}" in text
    allowed = words(INFO[name]).removeprefix("a list, and each item ")
    assert f"must be {allowed}" in text
    assert SECRET not in text


@pytest.mark.parametrize("name", NAMES)
def test_a_table_in_place_of_a_value_is_answered_with_what_is_allowed(name: str, file: Path) -> None:
    if name in FILE_ONLY:
        file.write_text(f"{name} = '{SECRET}'\n")
    else:
        file.write_text(f"[{name}]\n{name} = '{SECRET}'\n")
    text = told({}, file)
    assert f"'{name}'" in text
    assert " must be " in text or "is a table" in text
    assert SECRET not in text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("port = 65536", "'port' must be a whole number from 0 to 65535"),
        ("port = 1.5", "'port' must be a whole number from 0 to 65535"),
        ("log_level = 'loud'", "'log_level' must be one of debug, error, info, warning"),
        ("rate_limits = 'perhaps'", "'rate_limits' must be true or false"),
        ("checkpoint_seconds = 0", "'checkpoint_seconds' must be a whole number of at least 1"),
        ("store_timeout_seconds = 0", "'store_timeout_seconds' must be a number over 0"),
        ("tsp_deadline_seconds = 51", "'tsp_deadline_seconds' must be a number over 0 and of at most 50"),
        ("cryptogram_minutes = 1", "'cryptogram_minutes' must be a whole number from 2 to 1440"),
        ("webhook_retry_minutes = ['a']", "must be a number"),
        ("trusted_proxies = 5", "'trusted_proxies' must be a list, and each item text"),
        ("rate_limit_per_operation = {fetch_instrument = 0}", "must be a whole number of at least 1"),
        ("deprecated_versions = {2022-01-01 = 'soon'}", "must be a date such as 2026-12-31"),
        ("card_ranges = [{prefix = '4', network = 'maestro', issuer = 'B'}]", "network' must be one of amex, diners,"),
        ("card_ranges = [{prefix = '4', network = 'visa'}]", "needs 'issuer'"),
        ("card_ranges = [{prefix = '4', network = 'visa', isuer = 'B'}]", "did you mean 'issuer'?"),
        ("card_ranges = [{xyzzy = '4'}]", "it may have prefix, network, issuer, length, card_type, card_sub_type"),
        ("[tsp]\nallow_local = 'perhaps'", "'tsp.allow_local' must be true or false"),
        ("[tsp.local]\nkind = 'local'\nstor = 'sqlite:///x.db'", "did you mean 'store'?"),
        ("[tsp.two]\nkind = 'local'", "[tsp.two] needs 'store'"),
        (f"{SECOND}cryptogram_minute = 5", "did you mean 'cryptogram_minutes'?"),
        (f"{SECOND}cryptogram_minutes = 1", "a whole number from 2 to 1440"),
        ("[tsp.two]\nkind = 'local'\nstore = 5", "'[tsp.two].store' must be text"),
    ],
)  # fmt: skip
def test_what_is_allowed_is_said_in_words(text: str, message: str, file: Path) -> None:
    file.write_text(text)
    assert message in told({}, file)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_with_one_letter_more_less_or_other_is_recognised(name: str) -> None:
    variants = {name[:place] + name[place + 1 :] for place in range(1, len(name))}
    variants |= {f"{name[:place]}x{name[place:]}" for place in range(1, len(name))}
    variants |= {f"{name[:place]}x{name[place + 1 :]}" for place in range(1, len(name))}
    for variant in variants - set(NAMES):
        text = told({f"TOKENVAULT_{variant.upper()}": SECRET})
        assert f"there is no setting '{variant}'" in text
        assert "did you mean '" in text
        assert SECRET not in text


@given(st.sampled_from(sorted(set(NAMES) - FILE_ONLY)), st.text(max_size=30).map(lambda text: f"{text}{SECRET}"))
def test_no_error_shows_a_value(name: str, value: str) -> None:
    refused: SettingsError | None = None
    try:
        load({f"TOKENVAULT_{name.upper()}": value}, None)
    except SettingsError as error:
        refused = error
    assert refused is None or SECRET not in f"{refused.message} {refused.hint} {refused!r}"


@pytest.mark.parametrize("command", ["serve", "doctor", "migrate"])
def test_commands_print_what_is_allowed(command: str, file: Path, tmp_path: Path) -> None:
    file.write_text("port = 'many'\n")
    done = tokenvault(command, "--config", str(file))
    assert (done.returncode, "'port' must be a whole number from 0 to 65535" in done.stderr) == (3, True)
    file.write_text("prot = 1\n")
    done = tokenvault(command, "--config", str(file))
    assert (done.returncode, "did you mean 'port'?" in done.stderr) == (3, True)
    assert list(tmp_path.iterdir()) == [file]


def test_the_words_cover_every_setting() -> None:
    assert {name for name, info in INFO.items() if words(info) == "text"} == {*TEXTS, *SECRET_FIELDS}
    assert get_args(TYPES["deprecated_versions"])[1] is date
    assert module.Settings is Settings
