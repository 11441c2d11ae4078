"""Reads the settings of a vault, and checks them once.

Later sources win: defaults, `tokenvault.toml`, environment (`TOKENVAULT_*`, and `*_FILE` for secrets), command line
options. No secret has a default. An unknown name is an error that suggests the most similar known name.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from tokenvault_server.database.opening import URL_FORMS, file_store, find_kind
from tokenvault_server.errors import SettingsError
from tokenvault_server.settings.allowed import fault, unknown_name
from tokenvault_server.settings.fields import (
    CONFIG_FILE,
    FILE_ONLY,
    LOCAL,
    PREFIX,
    SECRET_FIELDS,
    LocalProviderSetting,
    Settings,
)
from tokenvault_server.settings.hidden import HiddenText, as_stars, from_settings

_LISTS: Final = frozenset({"trusted_proxies", "webhook_networks", "webhook_retry_minutes"})
"""Separated by commas in the environment."""
_LOCAL_SETTINGS: Final = {
    "store": "tsp_store",
    "store_password": "tsp_store_password",
    "cryptogram_minutes": "cryptogram_minutes",
    "card_ranges": "card_ranges",
}
"""The settings of `[tsp.local]`, with their names outside of it."""
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}")
"""A provider's name. It is stored beside every saved card."""
_PATH_FIELDS: Final = ("tls_certificate", "tls_key", "audit_anchor", "webhook_ca")
_PRIVATE_NETWORKS: Final = ("127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""The networks that test receivers are in: this machine, its containers, its local network."""


def load(environ: Mapping[str, str], file: Path | None, flags: Mapping[str, object] | None = None) -> Settings:
    """Return the settings of a file, an environment and command line options.

    Raises:
        SettingsError: a setting is unknown or has an invalid value; the message names it.
    """
    base = file.parent.resolve() if file else Path.cwd()
    values: dict[str, Any] = _from_file(file) if file else {}
    values |= _from_environment(environ)
    values |= {name: value for name, value in (flags or {}).items() if value is not None}
    for name in values:
        _check_known(name)
    if "tsp" in values:
        values |= _token_services(values, base)
    try:
        settings = msgspec.convert(values, Settings, strict=False, dec_hook=from_settings)
    except msgspec.ValidationError as error:
        raise fault(error, Settings) from None
    return _resolved(settings, base)


def config_file(environ: Mapping[str, str]) -> Path | None:
    """Return the configuration file that the environment names, else the one in the working directory, if any."""
    if named := environ.get(PREFIX + "CONFIG"):
        return Path(named)
    here = Path(CONFIG_FILE)
    return here if here.exists() else None


def for_directory(directory: Path) -> Settings:
    """Return the settings of an emulator's data directory, in which every file has a fixed name."""
    return Settings(
        store=file_store(directory / "vault.db"),
        tsp_store=file_store(directory / "tsp.db"),
        key_provider=f"file:{directory / 'master.key'}",
        audit_anchor=str(directory / "audit-anchor.json"),
        signature_auth=True,
        webhook_http=True,
        webhook_networks=_PRIVATE_NETWORKS,
    )


def redacted(settings: Settings) -> dict[str, object]:
    """Return every setting as it may be shown, secrets as stars."""
    shown: dict[str, object] = msgspec.to_builtins(settings, enc_hook=as_stars)
    return shown


def _from_file(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"there is no configuration file {file}", hint="`tokenvault init` creates one") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not TOML", hint=str(error)) from None


def _token_services(values: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """Return `tsp` with its tables sorted by kind, and the settings of `[tsp.local]` under their other names."""
    table = values["tsp"]
    if not isinstance(table, dict):
        raise SettingsError("the setting 'tsp' is a table")
    by_kind: dict[str, Any] = {name: table[name] for name in ("allow_local", "routes") if name in table}
    by_kind |= {"local": {}, "plugins": {}}
    changed: dict[str, Any] = {"tsp": by_kind}
    for name in table.keys() - {"allow_local", "routes"}:
        options = table[name]
        if not (isinstance(options, dict) and isinstance(kind := options.get("kind"), str) and _NAME.fullmatch(name)):
            raise SettingsError(
                f"[tsp.{name}] is invalid", hint='it needs a kind, such as kind = "local", and a plain name'
            )
        others = {option: value for option, value in options.items() if option != "kind"}
        if name == LOCAL:
            changed |= _default_provider(kind, others, values)
        elif kind == LOCAL:
            by_kind["local"][name] = _local_provider(name, others, base)
        else:
            by_kind["plugins"][name] = {"kind": kind, "options": others}
    return changed


def _local_provider(name: str, options: dict[str, Any], base: Path) -> dict[str, Any]:
    """Return the settings of one more built-in provider, with the URL of its database resolved."""
    try:
        msgspec.convert(options, LocalProviderSetting, strict=False, dec_hook=from_settings)
    except msgspec.ValidationError as error:
        raise fault(error, LocalProviderSetting, f"[tsp.{name}]") from None
    return options | _store("store", options["store"], base)


def _default_provider(kind: str, options: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of `[tsp.local]` under the names that they have outside of it."""
    if kind != LOCAL:
        raise SettingsError("[tsp.local] must have kind = 'local'", hint="use another name for another kind")
    unknown = sorted(options.keys() - _LOCAL_SETTINGS.keys())
    twice = sorted(
        _LOCAL_SETTINGS[option] for option in options if option in _LOCAL_SETTINGS and _LOCAL_SETTINGS[option] in values
    )
    if unknown or twice:
        if unknown:
            raise unknown_name(unknown[0], _LOCAL_SETTINGS, where="[tsp.local]")
        raise SettingsError(f"{twice[0]} is set twice", hint=f"[tsp.local] may have {', '.join(_LOCAL_SETTINGS)}")
    return {_LOCAL_SETTINGS[option]: value for option, value in options.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in environ.items():
        if not name.startswith(PREFIX) or name == PREFIX + "CONFIG":
            continue
        field = name.removeprefix(PREFIX).lower()
        if field.removesuffix("_file") in SECRET_FIELDS and field.endswith("_file"):
            values[field.removesuffix("_file")] = _secret_from(Path(value), name)
        elif field in FILE_ONLY:
            raise SettingsError(f"{field} is set in {CONFIG_FILE}, not in the environment")
        elif field in _LISTS:
            values[field] = [part.strip() for part in value.split(",") if part.strip()]
        else:
            values[field] = value
    return values


def _secret_from(file: Path, name: str) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"the file that {name} names cannot be read") from None


def _check_known(name: str) -> None:
    if name in Settings.__struct_fields__:
        return
    raise unknown_name(name, Settings.__struct_fields__, otherwise="`tokenvault doctor` lists the settings")


def _resolved(settings: Settings, base: Path) -> Settings:
    """Make relative paths absolute. They are relative to the directory of the configuration file."""
    changed: dict[str, Any] = {}
    for name in ("store", "tsp_store"):
        changed |= _store(name, getattr(settings, name), base)
        if password := changed.get(f"{name}_password"):
            changed[f"{name}_password"] = HiddenText(password)
    if settings.key_provider.startswith("file:"):
        changed["key_provider"] = f"file:{base / settings.key_provider.removeprefix('file:')}"
    for name in _PATH_FIELDS:
        if value := getattr(settings, name):
            changed[name] = str(base / value)
    return msgspec.structs.replace(settings, **changed)


def _store(name: str, url: str, base: Path) -> dict[str, str]:
    """Return the settings of a database: its URL, with an absolute path and without its password, and the password."""
    kind = find_kind(url)
    if kind is None:
        raise SettingsError(f"the setting '{name}' is not the URL of a store", hint=URL_FORMS)
    try:
        bare, password = kind.without_password(url)
    except ValueError:
        raise SettingsError(f"the setting '{name}' is not a URL", hint=kind.url_form) from None
    resolved = {name: kind.resolve(bare, base)}
    return {**resolved, f"{name}_password": password} if password else resolved
