"""The TLS settings of connections."""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path
from typing import Final

from tokenvault_client.errors import UsageError

_BUNDLE: Final = "REQUESTS_CA_BUNDLE"
_CERTIFICATE: Final = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\s*", re.DOTALL)


def authorities(ca_pem: bytes | None) -> list[bytes]:
    """Return the certificates to trust besides those of the system: the given ones, and those of the environment.

    `REQUESTS_CA_BUNDLE` names a file or a folder, as for requests and the official SDK. TLS libraries read
    `SSL_CERT_FILE` and `SSL_CERT_DIR` themselves.

    Raises:
        UsageError: `REQUESTS_CA_BUNDLE` names no certificate.
    """
    if not (place := os.environ.get(_BUNDLE)):
        return [ca_pem] if ca_pem else []
    path = Path(place)
    try:
        files = sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]
        found = [certificate for file in files for certificate in _CERTIFICATE.findall(file.read_bytes())]
    except (OSError, ValueError) as error:
        raise UsageError(f"{_BUNDLE} cannot be read: {type(error).__name__}") from error
    if not found:
        raise UsageError(f"{_BUNDLE} contains no PEM certificate")
    return [*dict.fromkeys(found), *([ca_pem] if ca_pem else [])]


def tls_context(ca_pem: bytes | None) -> ssl.SSLContext:
    """Return a context that verifies certificates and names, by the system's authorities and the additional ones.

    Raises:
        UsageError: `ca_pem` or `REQUESTS_CA_BUNDLE` contains no valid certificate.
    """
    context = ssl.create_default_context()
    # A server of another protocol must not accept this connection as its own.
    context.set_alpn_protocols(["http/1.1"])
    if pem := b"\n".join(authorities(ca_pem)):
        try:
            context.load_verify_locations(cadata=pem.decode("ascii"))
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise UsageError(f"the certificates of ca_file or {_BUNDLE} are not valid PEM") from error
    return context


def without_tls() -> ssl.SSLContext:
    """Return a context that trusts nobody, for connections without TLS: reading authorities takes 50 milliseconds."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
