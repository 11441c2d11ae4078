"""Whom a connection over TLS believes."""

from __future__ import annotations

import ssl

from tokenvault_client.errors import UsageError


def trust(ca_pem: bytes | None) -> ssl.SSLContext:
    """Gives what verifies certificates and names: by the authorities of the system, and by those that are given.

    Raises:
        UsageError: What is given is no certificate.
    """
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])  # so that no server of another protocol takes this for its own
    if ca_pem:
        try:
            context.load_verify_locations(cadata=ca_pem.decode("ascii"))
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise UsageError("the certificates to trust are not PEM") from error
    return context
