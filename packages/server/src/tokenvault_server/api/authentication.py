"""Authenticates callers: one method for each scheme; an unknown id and a wrong secret get the same answer and work.

A partner's key decides if one was sent, else a secret, else a signature. Accepted credentials are cached for a second,
so a revoked secret works for at most a second longer. Nothing else is cached: every other credential is looked up in
the store, so that refusing a client id in use takes as long as refusing one that nobody has.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

from tokenvault_contract import headers, signatures
from tokenvault_server.api.call import Request, text_of
from tokenvault_server.domain.clock import SECOND, Clock
from tokenvault_server.domain.credential import CredentialKind, CredentialUse, LiveCredential
from tokenvault_server.domain.identifiers import ClientId, MerchantId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import AuthenticationError
from tokenvault_server.vault.client_signatures import ClientSignatures
from tokenvault_server.vault.last_use import LastUse
from tokenvault_server.vault.merchants import Merchants
from tokenvault_server.vault.partners import Partners
from tokenvault_server.vault.record_sealer import RecordSealer

_CLIENT_ID = headers.CLIENT_ID.encode()
_PARTNER_MERCHANT = headers.PARTNER_MERCHANT_ID.encode()

_NOBODY = MerchantId("")
_NO_SECRET = LiveCredential("", bytes(32))


class _CachedClient:
    """The accepted credentials of one client id, and when they were read from the store."""

    __slots__ = ("accepted", "merchant_id", "read_at")

    def __init__(self, merchant_id: MerchantId, read_at: int) -> None:
        self.merchant_id = merchant_id
        self.read_at = read_at
        self.accepted: dict[bytes, CredentialUse] = {}
        """The unkeyed hash of each accepted secret or signature, and which credential it was."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Where callers are looked up, and where the use of their credentials is recorded."""

    merchants: Merchants
    partners: Partners
    client_signatures: ClientSignatures | None
    """None where authentication by signature is switched off."""
    last_use: LastUse


class Authentication:
    """Recognises callers by their headers."""

    def __init__(self, accounts: Accounts, sealer: RecordSealer, clock: Clock, max_cached: int = 10_000) -> None:
        """Look callers up in `accounts`; cache up to `max_cached` client ids, the oldest goes first."""
        self._merchants = accounts.merchants
        self._partners = accounts.partners
        self._signatures = accounts.client_signatures
        self._last_use = accounts.last_use
        self._sealer = sealer
        self._clock = clock
        self._max_cached = max_cached
        self._cache: OrderedDict[str, _CachedClient] = OrderedDict()

    async def caller(self, request: Request) -> Caller:
        """Return the caller; AuthenticationError, which gives no reason, for unknown ids and wrong credentials."""
        if request.partner_key:
            return await self._by_partner_key(request)
        if self._signatures and request.client_signature and not request.client_secret:
            return await self._by_signature(request, self._signatures)
        return await self._by_client_secret(request)

    async def _by_client_secret(self, request: Request) -> Caller:
        client_id = request.header(_CLIENT_ID)
        cache_key = sha256(request.client_secret).digest()
        cached = self._cached(client_id)
        if cached is None or cache_key not in cached.accepted:
            read_at = self._clock.now()
            use = await self._verified(ClientId(client_id), Secret(text_of(request.client_secret)))
            cached = self._add(client_id, _CachedClient(MerchantId(use.owner), read_at), cache_key, use)
        self._last_use.at[cached.accepted[cache_key]] = cached.read_at
        return Caller(cached.merchant_id, client_id, request.origin, request.request_id)

    async def _verified(self, client_id: ClientId, secret: Secret[str]) -> CredentialUse:
        """Return which live credential of a client id has this secret; AuthenticationError when none has."""
        merchant_id, live = await self._merchants.secrets_of_client(client_id)
        digest = await self._sealer.digest(secret)
        # An unknown client id costs one comparison, too.
        matching = [each.credential_id for each in live or (_NO_SECRET,) if hmac.compare_digest(digest, each.digest)]
        if merchant_id is None or not matching:
            raise AuthenticationError(merchant_id)
        return CredentialUse(CredentialKind.MERCHANT_SECRET, merchant_id, matching[0])

    async def _by_signature(self, request: Request, client_signatures: ClientSignatures) -> Caller:
        client_id = request.header(_CLIENT_ID)
        signature = bytes(request.client_signature)
        # No header holds a NUL, so this is never the hash of a secret.
        cache_key = sha256(b"signature\0" + signature).digest()
        cached = self._cached(client_id)
        if cached is None or cache_key not in cached.accepted:
            read_at = self._clock.now()
            merchant_id = await self._merchants.id_of_client(ClientId(client_id))
            opened = await client_signatures.opened(merchant_id or _NOBODY, _decoded(signature))
            if merchant_id is None or opened is None or not self._holds_current(opened.texts, client_id):
                raise AuthenticationError(merchant_id)
            cached = self._add(client_id, _CachedClient(merchant_id, read_at), cache_key, opened.key)
        self._last_use.at[cached.accepted[cache_key]] = cached.read_at
        return Caller(cached.merchant_id, client_id, request.origin, request.request_id)

    def _holds_current(self, texts: list[bytes], client_id: str) -> bool:
        return any(self._is_current(text, client_id) for text in texts)

    def _is_current(self, text: bytes, client_id: str) -> bool:
        signed = signatures.parse_client_signature(text)
        return signed is not None and signed.client_id == client_id and signed.is_current(self._clock.now() // SECOND)

    async def _by_partner_key(self, request: Request) -> Caller:
        """Accept a partner's key for the merchant that its own id names, or else its client id."""
        digest = await self._sealer.digest(Secret(text_of(request.partner_key)))
        merchant_id, client_id = MerchantId(request.header(_PARTNER_MERCHANT)), ClientId(request.header(_CLIENT_ID))
        if merchant_id:
            acting = await self._partners.acting_for(merchant_id, digest)
        else:
            acting = await self._partners.acting_for_client(client_id, digest)
        if acting is None:
            claimed = self._merchants.id_of(merchant_id) if merchant_id else self._merchants.id_of_client(client_id)
            raise AuthenticationError(await claimed)
        use = CredentialUse(CredentialKind.PARTNER_KEY, acting.partner_id, acting.credential_id)
        self._last_use.at[use] = self._clock.now()
        return Caller(acting.merchant_id, acting.partner_id, request.origin, request.request_id)

    def _cached(self, client_id: str) -> _CachedClient | None:
        cached = self._cache.get(client_id)
        if cached is None or not 0 <= self._clock.now() - cached.read_at < SECOND:
            return None  # a clock set back must not keep a revoked secret alive
        return cached

    def _add(self, client_id: str, new: _CachedClient, cache_key: bytes, use: CredentialUse) -> _CachedClient:
        """Cache an accepted credential, beside those of the same second."""
        cached = self._cached(client_id)
        if cached is None:
            cached = self._cache[client_id] = new
            if len(self._cache) > self._max_cached:
                self._cache.popitem(last=False)
        cached.accepted[cache_key] = use
        return cached


def _decoded(signature: bytes) -> bytes:
    """Return the bytes of a signature; none, which no key opens, when it is not base64 (RFC 4648, 4)."""
    try:
        return base64.b64decode(signature, validate=True)
    except binascii.Error:
        return b""
