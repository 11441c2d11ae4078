"""Build a running vault and its API from settings. No other package imports every component."""

from tokenvault_server.bootstrap.api import Api, build_app, check_api_settings
from tokenvault_server.bootstrap.assembly import first_tags, key_provider, open_vault
from tokenvault_server.bootstrap.inspection import inspect_all_keys, inspect_all_records
from tokenvault_server.bootstrap.stores import SCHEMAS, open_engine, open_engines, single_process_kind
from tokenvault_server.bootstrap.token_services import open_local_store
from tokenvault_server.bootstrap.tracing import start_tracing
from tokenvault_server.bootstrap.vault import Vault, anchor_file

__all__ = [
    "SCHEMAS",
    "Api",
    "Vault",
    "anchor_file",
    "build_app",
    "check_api_settings",
    "first_tags",
    "inspect_all_keys",
    "inspect_all_records",
    "key_provider",
    "open_engine",
    "open_engines",
    "open_local_store",
    "open_vault",
    "single_process_kind",
    "start_tracing",
]
