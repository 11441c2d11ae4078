"""Settings: their sources, which source wins, and which values are refused."""

from __future__ import annotations

import pickle
from datetime import date
from multiprocessing.context import set_spawning_popen
from pathlib import Path

import pytest

from tokenvault_server import settings as module
from tokenvault_server.errors import SettingsError
from tokenvault_server.settings import HiddenText, Settings, for_directory, load, redacted


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokenvault.toml"
    path.write_text("port = 1111\nlog_level = 'error'\n")
    return path


def write(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def test_without_a_source_the_defaults_apply() -> None:
    settings = load({}, None)
    assert (settings.port, settings.host, settings.rate_limits, settings.key_provider) == (8480, "127.0.0.1", True, "")


def test_a_file_overrides_a_default(file: Path) -> None:
    assert load({}, file).port == 1111


def test_the_environment_overrides_a_file(file: Path) -> None:
    settings = load({"TOKENVAULT_PORT": "2222", "PORT": "9", "HOME": "/"}, file)
    assert (settings.port, settings.log_level) == (2222, "error")


def test_a_flag_overrides_the_environment(file: Path) -> None:
    assert load({"TOKENVAULT_PORT": "2222"}, file, {"port": 3333, "host": None}).port == 3333


@pytest.mark.parametrize(("text", "value"), [("true", True), ("false", False), ("1", True), ("0", False)])
def test_booleans_are_read_from_the_environment(text: str, value: bool) -> None:
    assert load({"TOKENVAULT_RATE_LIMITS": text}, None).rate_limits is value


@pytest.mark.parametrize(
    ("name", "suggestion"), [("prot", "'port'"), ("tsp_deadline", "'tsp_deadline_seconds'"), ("xyzzy", "doctor")]
)
def test_an_unknown_name_is_refused_with_a_suggestion(file: Path, name: str, suggestion: str) -> None:
    with pytest.raises(SettingsError, match=f"'{name}'") as caught:
        load({}, write(file, f"{name} = 1"))
    assert suggestion in caught.value.hint


def test_an_unknown_variable_is_refused_too() -> None:
    with pytest.raises(SettingsError, match="'prot'"):
        load({"TOKENVAULT_PROT": "1"}, None)


def test_the_variable_that_names_the_file_is_not_a_setting(file: Path) -> None:
    assert load({"TOKENVAULT_CONFIG": str(file)}, file).port == 1111


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("port = 'many'", "port"),
        ("log_level = 'loud'", "log_level"),
        ("rate_limits = 'perhaps'", "rate_limits"),
        ("rate_limit_per_operation = {fetch_instrument = 'many'}", "rate_limit_per_operation"),
        ("card_ranges = [{prefix = '4', network = 'nobody', issuer = 'B'}]", "card_ranges"),
        ("card_ranges = [{prefix = '4', network = 'visa'}]", "card_ranges"),
        ("passphrase = 17", "passphrase"),
    ],
)
def test_an_invalid_value_is_reported_with_its_setting(file: Path, text: str, name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load({}, write(file, text))


@pytest.mark.parametrize(
    "text",
    [
        "port = -1",
        "port = 70000",
        "drain_seconds = -1",
        "tsp_deadline_seconds = 0",
        "instruments_per_customer = -5",
        "tombstone_days = -1",
        "checkpoint_seconds = 0",
        "rate_limit_per_address = -1",
    ],
)
def test_a_number_out_of_range_is_refused(file: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=text.split(" ", maxsplit=1)[0]):
        load({}, write(file, text))


def test_no_message_repeats_a_value(file: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"TOKENVAULT_LOG_LEVEL": "a secret in the wrong place"}, file)
    assert "secret" not in f"{caught.value} {caught.value.hint}"


def test_a_missing_file_is_reported_with_the_command_that_creates_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no configuration file") as caught:
        load({}, tmp_path / "none.toml")
    assert "tokenvault init" in caught.value.hint


def test_a_file_that_is_not_toml_is_reported(file: Path) -> None:
    with pytest.raises(SettingsError, match="not TOML"):
        load({}, write(file, "port: 1"))


@pytest.mark.parametrize("name", ["card_ranges", "rate_limit_per_operation", "deprecated_versions"])
def test_tables_cannot_be_set_by_the_environment(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load({f"TOKENVAULT_{name.upper()}": "[]"}, None)


def test_proxies_are_a_list_in_the_file_and_separated_by_commas_in_the_environment(file: Path) -> None:
    proxies = ("10.0.0.0/8", "192.0.2.1")
    assert load({}, write(file, 'trusted_proxies = ["10.0.0.0/8", "192.0.2.1"]')).trusted_proxies == proxies
    assert load({"TOKENVAULT_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.1,"}, None).trusted_proxies == proxies


@pytest.mark.parametrize("day", ["2027-06-30", '"2027-06-30"'])
def test_a_version_ends_on_a_date(file: Path, day: str) -> None:
    settings = load({}, write(file, f"[deprecated_versions]\n2022-01-01 = {day}\n"))
    assert settings.deprecated_versions == {"2022-01-01": date(2027, 6, 30)}


def test_an_invalid_date_is_refused(file: Path) -> None:
    with pytest.raises(SettingsError, match="deprecated_versions"):
        load({}, write(file, "[deprecated_versions]\n2022-01-01 = 'soon'\n"))


def test_relative_paths_are_relative_to_the_file(file: Path) -> None:
    text = "store = 'sqlite:///data/v.db'\nkey_provider = 'file:keys/m.key'\naudit_anchor = 'a.json'\n"
    settings = load({}, write(file, text))
    folder = file.parent.resolve()
    assert settings.store == f"sqlite:///{folder}/data/v.db"
    assert settings.tsp_store == f"sqlite:///{folder}/tsp.db"
    assert settings.key_provider == f"file:{folder}/keys/m.key"
    assert settings.audit_anchor == f"{folder}/a.json"


def test_absolute_paths_are_kept(file: Path) -> None:
    settings = load({}, write(file, "store = 'sqlite:////srv/v.db'\naudit_anchor = '/srv/a.json'\n"))
    assert (settings.store, settings.audit_anchor) == ("sqlite:////srv/v.db", "/srv/a.json")


def test_an_empty_path_stays_empty(file: Path) -> None:
    settings = load({}, write(file, "audit_anchor = ''\n"))
    assert (settings.audit_anchor, settings.tls_key) == ("", "")


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("correct horse\n")
    settings = load({"TOKENVAULT_PASSPHRASE_FILE": str(tmp_path / "passphrase")}, None)
    secret = settings.secret_passphrase()
    assert secret is not None
    assert secret.reveal() == "correct horse"


def test_a_missing_secret_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="TOKENVAULT_PASSPHRASE_FILE"):
        load({"TOKENVAULT_PASSPHRASE_FILE": str(tmp_path / "none")}, None)


def test_other_settings_cannot_come_from_a_file() -> None:
    with pytest.raises(SettingsError, match="'port_file'"):
        load({"TOKENVAULT_PORT_FILE": "/etc/port"}, None)


def test_without_a_passphrase_there_is_no_secret() -> None:
    assert Settings().secret_passphrase() is None


def test_secrets_are_shown_as_stars() -> None:
    settings = Settings(passphrase=HiddenText("correct horse"))
    assert redacted(settings)["passphrase"] == "****"
    assert "correct horse" not in f"{settings!r} {redacted(settings)}"


def test_settings_are_pickled_for_a_worker_only() -> None:
    settings = Settings(passphrase=HiddenText("correct horse"))
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(settings)
    set_spawning_popen(object())  # type: ignore[arg-type]  # as `multiprocessing` does while it starts a process
    try:
        sent = pickle.dumps(settings)
    finally:
        set_spawning_popen(None)
    assert pickle.loads(sent) == settings


def test_a_secret_that_is_not_set_is_shown_as_empty() -> None:
    assert redacted(Settings())["passphrase"] == ""


def test_every_setting_is_shown() -> None:
    assert redacted(Settings()).keys() == set(Settings.__struct_fields__)


def test_a_data_directory_has_fixed_file_names(tmp_path: Path) -> None:
    settings = for_directory(tmp_path)
    paths = (settings.store, settings.tsp_store, settings.key_provider, settings.audit_anchor)
    assert [Path(path.rpartition(":")[2]).name for path in paths] == [
        "vault.db",
        "tsp.db",
        "master.key",
        "audit-anchor.json",
    ]


def test_every_secret_field_is_a_field() -> None:
    assert set(Settings.__struct_fields__) >= module.SECRET_FIELDS


def test_a_password_is_taken_out_of_the_url_and_never_shown(file: Path) -> None:
    settings = load({}, write(file, "store = 'postgresql://vault:hush@db/vault'\ntsp_store = 'postgresql://db/tsp'\n"))
    assert (settings.store, settings.store_password.reveal()) == ("postgresql://vault@db/vault", "hush")
    assert settings.secret_store_passwords()[1] is None
    shown = f"{settings!r} {redacted(settings)} {settings.secret_store_passwords()!r}"
    assert "hush" not in shown


def test_database_passwords_may_come_from_files(file: Path) -> None:
    secret = file.parent / "password"
    secret.write_text("hush\n")
    settings = load({"TOKENVAULT_TSP_STORE_PASSWORD_FILE": str(secret)}, None)
    assert settings.tsp_store_password.reveal() == "hush"


def test_settings_that_were_not_loaded_show_no_password() -> None:
    assert "hush" not in repr(Settings(store="postgresql://vault:hush@db/vault"))


def test_a_store_that_is_not_a_url_is_refused(file: Path) -> None:
    with pytest.raises(SettingsError, match="'store' is not a URL"):
        load({}, write(file, "store = 'postgresql://[::1/vault'\n"))
