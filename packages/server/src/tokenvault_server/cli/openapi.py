"""`tokenvault openapi`: prints the OpenAPI document of the API."""

from __future__ import annotations

import json

import click

from tokenvault_contract.versions import LATEST, SUPPORTED, ApiVersion
from tokenvault_server.cli.output import print_document


@click.command()
@click.option(
    "--version", type=click.Choice(SUPPORTED), default=LATEST, show_default=True, help="The version of the API."
)
def command(*, version: str) -> None:
    """Print the OpenAPI 3.1 document of the API, as JSON."""
    from tokenvault_server.api.openapi import document

    print_document(json.dumps(document(ApiVersion(version)), indent=2))
