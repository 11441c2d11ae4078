"""The settings of a vault: typed, documented and checked once.

Later sources win: defaults, `tokenvault.toml`, environment (`TOKENVAULT_*`, and `*_FILE` for secrets), command line
options. No secret has a default. An unknown name is an error that suggests the most similar known name.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from tokenvault_server.database.opening import URL_FORMS, file_store, find_kind, without_password
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import SettingsError

PREFIX: Final = "TOKENVAULT_"
LOCAL: Final = "local"
"""The kind of the built-in token services, and the name of the default one."""
CONFIG_FILE: Final = "tokenvault.toml"

Natural = Annotated[int, msgspec.Meta(ge=0)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]


class CardRangeSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One more range of cards that the built-in token service supports."""

    prefix: str
    network: Literal["visa", "mastercard", "rupay", "amex", "diners"]
    issuer: str
    length: int = 16
    card_type: Literal["credit_card", "debit_card", "prepaid_card"] = "credit_card"
    card_sub_type: Literal["R", "P", "C"] = "R"


class LocalProviderSetting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One more built-in token service, with `kind = "local"`."""

    store: str
    """Its own database, like `tsp_store`. `tokenvault migrate` creates it."""

    store_password: str = ""
    """The password for a PostgreSQL `store`."""

    cryptogram_minutes: Annotated[int, msgspec.Meta(ge=2, le=1440)] = 15
    """How long its cryptograms are valid, in minutes."""

    card_ranges: tuple[CardRangeSetting, ...] = ()
    """Further card ranges that it supports."""


class PluginSetting(msgspec.Struct, frozen=True):
    """A provider of an installed kind. The provider defines the options; all of them are treated as secret."""

    kind: str
    options: dict[str, object]


class TokenServiceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The table `[tsp]`: providers and routes."""

    allow_local: bool = False
    """Whether cards may be routed to a built-in provider beside a real one. Test cards must not mix with real ones."""

    routes: dict[str, str] = {}
    """The provider of a network, a BIN or a range of BINs, or `none`. BINs have up to 8 digits; the longest wins."""

    local: dict[str, LocalProviderSetting] = {}
    """The tables `[tsp.NAME]` with `kind = "local"`, except `[tsp.local]`."""

    plugins: dict[str, PluginSetting] = {}
    """The tables `[tsp.NAME]` with any other kind."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The configuration of one vault. Relative paths are relative to the configuration file."""

    store: str = file_store("vault.db")
    """The vault's database: `sqlite:///PATH`, or `postgresql://USER@HOST:PORT,HOST:PORT/NAME?OPTIONS`."""

    tsp_store: str = file_store("tsp.db")
    """The database of the built-in token service. It must not be the vault's own."""

    store_password: str = ""
    """The password for a PostgreSQL `store`. A password in the URL is moved here."""

    tsp_store_password: str = ""
    """The password for a PostgreSQL `tsp_store`. A password in the URL is moved here."""

    store_connections: Positive = 16
    """PostgreSQL: maximum number of connections of each process to each database."""

    store_timeout_seconds: Annotated[float, msgspec.Meta(gt=0)] = 5
    """PostgreSQL: maximum time for a statement, for waiting for a connection, and for waiting for an outage to end."""

    prepared_statements: bool = True
    """PostgreSQL: whether prepared statements are used. Set it to false behind a pooler that does not support them."""

    key_provider: str = ""
    """The provider of the master key: `file:PATH`. `serve` requires it. `passphrase:` is for development only."""

    passphrase: str = ""
    """The passphrase of the `passphrase:` provider. Development only."""

    host: str = "127.0.0.1"
    """The address that the API listens on."""

    port: Port = 8480
    """The port that the API listens on. `serve` does not accept 0, because no caller would know the port."""

    admin_host: str = "127.0.0.1"
    """The address that health, metrics and the status page listen on."""

    admin_port: Port = 8481
    """The port that health, metrics and the status page listen on. 0 chooses a free port."""

    tls_certificate: str = ""
    """A PEM file with the API's certificate chain. Without it, use a proxy in front that terminates TLS."""

    tls_key: str = ""
    """A PEM file with the certificate's private key."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level that is logged, as JSON lines on standard error."""

    access_log: bool = True
    """Whether each call is logged in one line. `log_level` must be `info` or `debug`."""

    drain_seconds: Natural = 30
    """How long running calls may take to finish after SIGTERM, in seconds."""

    tsp_deadline_seconds: Annotated[float, msgspec.Meta(gt=0, le=50)] = 20
    """How long a provider may take before the call fails with 502, in seconds. It limits each verb's own deadline."""

    cryptogram_minutes: Annotated[int, msgspec.Meta(ge=2, le=1440)] = 15
    """How long a cryptogram of the built-in token service is valid, in minutes."""

    instruments_per_customer: Positive = 100
    """Maximum number of saved cards of a customer."""

    tombstone_days: Natural = 30
    """For how many days a repeated delete of a card gets the same answer."""

    checkpoint_seconds: Positive = 60
    """How often the audit chains are signed, in seconds."""

    audit_anchor: str = "audit-anchor.json"
    """The file, outside the database, that holds the newest audit checkpoint."""

    signature_auth: bool = False
    """Whether merchants may authenticate with `x-client-signature`. Anyone with the *public* key can sign."""

    rate_limits: bool = True
    """Whether rate limits apply."""

    rate_limit_per_address: Positive = 200
    """Calls per minute that an address may make without valid credentials."""

    rate_limit_per_operation: dict[str, Positive] = {}
    """Calls per minute of each merchant, by operation, where they differ from the defaults."""

    retry_after: bool = False
    """Whether 429 answers also have `Retry-After`. The official Python SDK then sleeps and repeats by itself."""

    webhook_retry_minutes: tuple[float, ...] = (2, 10, 30)
    """The waits, in minutes, between the attempts to deliver a webhook event. After the attempt that follows the last
    wait, the delivery is given up. At most ten waits of at most a day each. The default is Cashfree's."""

    webhook_deadline_seconds: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10
    """How long a webhook endpoint may take to answer, in seconds."""

    webhook_http: bool = False
    """Whether webhook endpoints may use `http://` too."""

    webhook_networks: tuple[str, ...] = ()
    """Networks that webhook endpoints may be in although they are not public, such as `10.1.0.0/16`."""

    webhook_ca: str = ""
    """A PEM file with the certificate authorities to trust for webhook endpoints. Without it, the machine's own."""

    webhook_keep_days: Positive = 30
    """For how many days a webhook event can be shown and sent again."""

    trusted_proxies: tuple[str, ...] = ()
    """Addresses and networks of proxies whose `x-forwarded-for` is trusted. Without any, the header is ignored."""

    deprecated_versions: dict[str, date] = {}
    """The date on which an API version ends, by version. Answers of that version carry it in `x-deprecated-at`."""

    card_ranges: tuple[CardRangeSetting, ...] = ()
    """Further card ranges for the built-in token service. Without any, it accepts only the documented test cards."""

    tsp: TokenServiceSettings = TokenServiceSettings()
    """Token service providers and the cards that each of them tokenises. Without it, `local` tokenises every card."""

    @property
    def store_urls(self) -> tuple[str, ...]:
        """The URLs of all databases: the vault's own, then those of its built-in token services."""
        return (self.store, self.tsp_store, *(each.store for each in self.tsp.local.values()))

    def __repr__(self) -> str:
        """Show the databases only: other settings may be secret."""
        store, tsp_store = (without_password(url)[0] for url in (self.store, self.tsp_store))
        return f"Settings(store={store!r}, tsp_store={tsp_store!r}, ...)"

    def secret_passphrase(self) -> Secret[str] | None:
        """Return the passphrase, wrapped, or None."""
        return Secret(self.passphrase) if self.passphrase else None

    def secret_store_passwords(self) -> tuple[Secret[str] | None, Secret[str] | None]:
        """Return the passwords of `store` and `tsp_store`, wrapped, or None where there is none."""
        store, tsp_store = (
            Secret(password) if password else None for password in (self.store_password, self.tsp_store_password)
        )
        return store, tsp_store


FILE_ONLY: Final = frozenset({"rate_limit_per_operation", "deprecated_versions", "card_ranges", "tsp"})
SECRET_FIELDS: Final = frozenset({"passphrase", "store_password", "tsp_store_password"})
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
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        setting = str(error).rpartition("`$.")[2].rstrip("`")
        raise SettingsError(f"the setting '{setting or 'card_ranges'}' has an invalid value") from None
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
    shown = msgspec.to_builtins(settings)
    services = shown["tsp"]
    for table in services["local"].values():
        table["store_password"] = "****" if table["store_password"] else ""
    for table in services["plugins"].values():
        table["options"] = dict.fromkeys(table["options"], "****")
    return {name: "****" if name in SECRET_FIELDS and value else value for name, value in shown.items()}


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
            by_kind["local"][name] = others | _store("store", str(others.get("store", "")), base)
        else:
            by_kind["plugins"][name] = {"kind": kind, "options": others}
    return changed


def _default_provider(kind: str, options: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of `[tsp.local]` under the names that they have outside of it."""
    if kind != LOCAL:
        raise SettingsError("[tsp.local] must have kind = 'local'", hint="use another name for another kind")
    unknown = sorted(options.keys() - _LOCAL_SETTINGS.keys())
    twice = sorted(
        _LOCAL_SETTINGS[option] for option in options if option in _LOCAL_SETTINGS and _LOCAL_SETTINGS[option] in values
    )
    if unknown or twice:
        message = f"[tsp.local] has no setting '{unknown[0]}'" if unknown else f"{twice[0]} is set twice"
        raise SettingsError(message, hint=f"[tsp.local] may have {', '.join(_LOCAL_SETTINGS)}")
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
    nearest = difflib.get_close_matches(name, Settings.__struct_fields__, 1)
    hint = f"did you mean '{nearest[0]}'?" if nearest else "`tokenvault doctor` lists the settings"
    raise SettingsError(f"there is no setting '{name}'", hint=hint)


def _resolved(settings: Settings, base: Path) -> Settings:
    """Make relative paths absolute. They are relative to the directory of the configuration file."""
    changed: dict[str, Any] = {}
    for name in ("store", "tsp_store"):
        changed |= _store(name, getattr(settings, name), base)
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
