"""The OpenAPI document of each version: that of the newest shape, without what later versions added."""

from __future__ import annotations

from typing import Final

from tokenvault_contract import headers
from tokenvault_contract.openapi import Json, openapi_document
from tokenvault_contract.operations import OPERATIONS
from tokenvault_contract.versions import LATEST, ApiVersion
from tokenvault_server.api.extension import NO_EXTENSION, Extension
from tokenvault_server.api.versions import newer_than

ANY_SERVER: Final = "http://127.0.0.1:8480/pg"
"""The server that a document names if no other is known: an emulator with its default port."""


def document(
    version: ApiVersion = LATEST,
    base_url: str = ANY_SERVER,
    *,
    title: str = "Tokenvault",
    extension: Extension = NO_EXTENSION,
) -> Json:
    """Return the OpenAPI 3.1 document of a version, for the server at `base_url` and what is added to its API."""
    whole = openapi_document(base_url, title=title, operations=(*OPERATIONS, *extension.operations))
    whole["info"]["version"] = version
    components = whole["components"]
    components["parameters"][headers.API_VERSION]["schema"]["enum"] = [version]
    for change in newer_than(version, extension.changes):
        whole["info"]["description"] += f" Version {change.version} changed this: {change.summary}"
        for struct, fields in change.added.items():
            for name in fields:
                del components["schemas"][struct.__name__]["properties"][name]
    return whole
