"""The providers of a master key, chosen by the scheme of a URI."""

from __future__ import annotations

from pathlib import Path

from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import KeyProviderError
from tokenvault_server.keys.kek import KeyEncryptionKey
from tokenvault_server.keys.providers.file import FileKek

SCHEMES = ("file:PATH", "passphrase:")


def provider_from(uri: str, *, passphrase: Secret[str] | None = None) -> KeyEncryptionKey:
    """Return the master key that `uri` names.

    Raises:
        KeyProviderError: the URI names none, or the provider cannot be used.
    """
    # No message repeats the URI, because users paste secrets in the wrong place.
    scheme, _, rest = uri.partition(":")
    if scheme == "file" and rest:
        return FileKek(Path(rest))
    if scheme == "passphrase":
        return _passphrase(rest, passphrase)
    raise KeyProviderError(hint=f"a key provider is one of: {', '.join(SCHEMES)}")


def _passphrase(rest: str, passphrase: Secret[str] | None) -> KeyEncryptionKey:
    if rest:
        raise KeyProviderError(hint="the URI is 'passphrase:' alone; the passphrase itself never stands in it")
    if passphrase is None or not passphrase.reveal():
        raise KeyProviderError(hint="the provider 'passphrase:' needs a passphrase; an empty one protects nothing")
    # The other providers do not need OpenSSL's scrypt, and start faster without it.
    from tokenvault_server.keys.providers.passphrase import PassphraseKek

    return PassphraseKek(passphrase)
