"""A certificate authority for tests, and the servers that it certifies."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)

# Python 3.13 verifies strictly (VERIFY_X509_STRICT): an authority states its key usage, a server its authority's key.
_CERTIFICATE_SIGNING = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass
class Authority:
    """Signs certificates. `file` contains the certificate that clients trust."""

    folder: Path
    name: str = "Test Authority"

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject_key = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        constraints = x509.BasicConstraints(ca=True, path_length=0)
        unsigned = _about(self.name, self.name, self._key, datetime.now(UTC)).add_extension(constraints, critical=True)
        unsigned = unsigned.add_extension(_CERTIFICATE_SIGNING, critical=True)
        unsigned = unsigned.add_extension(self._subject_key, critical=False)
        self.file = self.folder / f"{self.name}.pem"
        self.file.write_bytes(unsigned.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def server(self, name: x509.GeneralName | None = None, at: datetime | None = None) -> ssl.SSLContext:
        """Return the TLS context of a server for 127.0.0.1 or another name. Its certificate is valid for two days."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([name or x509.IPAddress(ip_address("127.0.0.1"))])
        unsigned = _about("server", self.name, key, at or datetime.now(UTC)).add_extension(names, critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._subject_key)
        unsigned = unsigned.add_extension(issuer, critical=False)
        certificate = unsigned.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.server_file.write_bytes(private + certificate)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_file)
        return context

    @property
    def server_file(self) -> Path:
        """The PEM file with the key and the certificate of the last server."""
        return self.folder / f"{self.name}.server.pem"


def _about(subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, at: datetime) -> x509.CertificateBuilder:
    named = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    builder = x509.CertificateBuilder(named[1], named[0], key.public_key(), x509.random_serial_number())
    return builder.not_valid_before(at - DAY).not_valid_after(at + DAY)
