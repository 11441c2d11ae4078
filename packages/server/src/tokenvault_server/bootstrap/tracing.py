"""Start tracing where the settings want it, and wrap the components that make spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tokenvault_server import __version__
from tokenvault_server.database import opening
from tokenvault_server.database.engine import Engine
from tokenvault_server.database.kind import EngineKind
from tokenvault_server.domain.clock import Clock
from tokenvault_server.errors import SettingsError
from tokenvault_server.keys.kek import KeyEncryptionKey
from tokenvault_server.settings import Settings
from tokenvault_server.tsp.guarded import Deadlines, GuardedTokenService
from tokenvault_server.tsp.provider import TokenServiceProvider

if TYPE_CHECKING:
    from tokenvault_server.telemetry.tracing import Tracing


def start_tracing(settings: Settings) -> Tracing | None:
    """Return what makes this process's spans, or None without `tracing`. Each process calls this after its start.

    Raises:
        SettingsError: the extra `otel` is not installed, or an `OTEL_*` variable cannot be used.
    """
    if not settings.tracing:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        from tokenvault_server.telemetry.tracing import Tracing, log_trace_ids
    except ModuleNotFoundError:
        raise SettingsError(
            "tracing needs libraries that are not installed", hint="pip install 'tokenvault-server[otel]'"
        ) from None
    try:
        tracing = Tracing(OTLPSpanExporter(), __version__)
    except (ValueError, OSError) as error:
        # The message of a foreign error may quote a variable, which may hold a credential.
        raise SettingsError("OpenTelemetry rejects an OTEL_ variable", hint=type(error).__name__) from None
    log_trace_ids()
    return tracing


def traced_engine(
    engine: Engine,
    tracing: Tracing | None,
    *,
    url: str,
    store: str,
    kinds: Sequence[EngineKind] = opening.KINDS,
) -> Engine:
    """Return the engine of a URL with spans for its commits, where tracing is on."""
    if tracing is None:
        return engine
    from tokenvault_server.database.tracing import TracedEngine

    return TracedEngine(engine, tracing, system=opening.kind_of(url, kinds).name.lower(), store=store)


def traced_kek(kek: KeyEncryptionKey, tracing: Tracing | None) -> KeyEncryptionKey:
    """Return the master key with spans for its uses, where tracing is on."""
    if tracing is None:
        return kek
    from tokenvault_server.keys.tracing import TracedKek

    return TracedKek(kek, tracing)


def guard(
    provider: TokenServiceProvider, clock: Clock, deadlines: Deadlines, tracing: Tracing | None
) -> GuardedTokenService:
    """Guard a token service provider, with spans for its verbs where tracing is on."""
    if tracing is None:
        return GuardedTokenService(provider, clock, deadlines)
    from tokenvault_server.tsp.tracing import TracedTokenService

    return TracedTokenService(provider, clock, deadlines, tracing)
