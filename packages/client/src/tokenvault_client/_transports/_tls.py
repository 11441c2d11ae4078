"""The TLS settings of connections."""

from __future__ import annotations

import ssl

from tokenvault_client.errors import UsageError


def tls_context(ca_pem: bytes | None) -> ssl.SSLContext:
    """Return a context that verifies certificates and names, by the system's authorities and the given ones.

    Raises:
        UsageError: `ca_pem` contains no valid certificate.
    """
    context = ssl.create_default_context()
    # A server of another protocol must not accept this connection as its own.
    context.set_alpn_protocols(["http/1.1"])
    if ca_pem:
        try:
            context.load_verify_locations(cadata=ca_pem.decode("ascii"))
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise UsageError("the trusted certificates are not valid PEM") from error
    return context
