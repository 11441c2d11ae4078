"""The settings of a vault: one field each, typed and documented. The reference page is made of these docstrings."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal

import msgspec

from tokenvault_server.database.opening import file_store, without_password
from tokenvault_server.domain.secret import Secret
from tokenvault_server.settings.hidden import HiddenOptions, HiddenText

PREFIX: Final = "TOKENVAULT_"
LOCAL: Final = "local"
"""The kind of the built-in token services, and the name of the default one."""
CONFIG_FILE: Final = "tokenvault.toml"

_NONE: Final = HiddenText("")

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

    store_password: HiddenText = _NONE
    """The password for a PostgreSQL `store`."""

    cryptogram_minutes: Annotated[int, msgspec.Meta(ge=2, le=1440)] = 15
    """How long its cryptograms are valid, in minutes."""

    card_ranges: tuple[CardRangeSetting, ...] = ()
    """Further card ranges that it supports."""


class PluginSetting(msgspec.Struct, frozen=True):
    """A provider of an installed kind. The provider defines the options; all of them are treated as secret."""

    kind: str
    options: HiddenOptions


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

    store_password: HiddenText = _NONE
    """The password for a PostgreSQL `store`. A password in the URL is moved here."""

    tsp_store_password: HiddenText = _NONE
    """The password for a PostgreSQL `tsp_store`. A password in the URL is moved here."""

    store_connections: Positive = 16
    """PostgreSQL: maximum number of connections of each process to each database."""

    store_timeout_seconds: Annotated[float, msgspec.Meta(gt=0)] = 5
    """PostgreSQL: maximum time for a statement, for waiting for a connection, and for waiting for an outage to end."""

    prepared_statements: bool = True
    """PostgreSQL: whether prepared statements are used. Set it to false behind a pooler that does not support them."""

    key_provider: str = ""
    """The provider of the master key: `file:PATH`. `serve` requires it. `passphrase:` is for development only."""

    passphrase: HiddenText = _NONE
    """The passphrase of the `passphrase:` provider. Development only."""

    recovery_key: str = ""
    """The public key that `tokenvault backup` encrypts to, which `tokenvault recovery-key` prints."""

    host: str = "127.0.0.1"
    """The address that the API listens on."""

    port: Port = 8480
    """The port that the API listens on. `serve` does not accept 0, because no caller would know the port."""

    admin_host: str = "127.0.0.1"
    """The address that health, metrics and the status page listen on."""

    admin_port: Port = 8481
    """The port that health, metrics and the status page listen on. 0 chooses a free port."""

    tls_certificate: str = ""
    """A PEM file with the API's certificate chain. Without it, `serve` listens on loopback only."""

    tls_key: str = ""
    """A PEM file with the certificate's private key."""

    behind_proxy: bool = False
    """Whether a proxy in front terminates TLS, and nobody else reaches `host`. Then `serve` listens there without."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level that is logged, as JSON lines on standard error."""

    access_log: bool = True
    """Whether each call is logged in one line. `log_level` must be `info` or `debug`."""

    tracing: bool = False
    """Whether calls are traced with OpenTelemetry. It needs `tokenvault-server[otel]`; standard `OTEL_*` variables say
    where traces go, and how many."""

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
        return self.passphrase.secret()

    def secret_store_passwords(self) -> tuple[Secret[str] | None, Secret[str] | None]:
        """Return the passwords of `store` and `tsp_store`, wrapped, or None where there is none."""
        return self.store_password.secret(), self.tsp_store_password.secret()


FILE_ONLY: Final = frozenset({"rate_limit_per_operation", "deprecated_versions", "card_ranges", "tsp"})
SECRET_FIELDS: Final = frozenset({"passphrase", "store_password", "tsp_store_password"})
