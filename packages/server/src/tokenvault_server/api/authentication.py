"""Authenticates callers: one method for each scheme; an unknown id and a wrong secret get the same answer and work.

A partner's key decides if one was sent, else a secret, else a signature. Accepted credentials are cached for a second,
so a revoked secret works for at most a second longer, and a suspension counts after a second at the latest. Every other
credential is looked up in the store, so that refusing a client id in use takes as long as refusing one that nobody has.

Opening a signature takes longer than serving a call. It runs in a thread, a few at a time, and not for an address whose
budget was used up while it waited.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from tokenvault_contract import headers, signatures
from tokenvault_server.api.call import Request, text_of
from tokenvault_server.api.known_credentials import KnownCredentials
from tokenvault_server.api.rate_limits import MAX_CACHED, RateLimits
from tokenvault_server.api.windows import drop_oldest
from tokenvault_server.domain.clock import SECOND, Clock
from tokenvault_server.domain.credential import CredentialKind, CredentialUse, StoredCredential
from tokenvault_server.domain.identifiers import ClientId, MerchantId
from tokenvault_server.domain.merchant import AccountState, Caller, Merchant
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import AuthenticationError, MerchantSuspendedError, RateLimitedError
from tokenvault_server.vault.client_signatures import ClientSignatures
from tokenvault_server.vault.last_use import LastUse
from tokenvault_server.vault.merchants import Merchants
from tokenvault_server.vault.partners import Partners
from tokenvault_server.vault.record_sealer import RecordSealer

_CLIENT_ID = headers.CLIENT_ID.encode()
_PARTNER_MERCHANT = headers.PARTNER_MERCHANT_ID.encode()

# No header holds a NUL, so the hashes of a secret, a signature and a partner's key never agree.
_SIGNATURE: Final = b"signature\0"
_PARTNER_KEY: Final = b"partner\0"

_SIGNATURES_AT_ONCE: Final = 2
"""How many signatures are checked at the same time. Each keeps a core busy for 1.3 ms."""

_NOBODY = MerchantId("")
_NO_SECRET = StoredCredential(CredentialKind.MERCHANT_SECRET, "", "", bytes(32), 0)


class _CachedClient:
    """The accepted credentials of one client id, and when they were read from the store."""

    __slots__ = ("accepted", "merchant_id", "read_at", "suspended")

    def __init__(self, merchant: Merchant, read_at: int) -> None:
        self.merchant_id = merchant.merchant_id
        self.suspended = MerchantSuspendedError if merchant.state is AccountState.SUSPENDED else None
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

    def __init__(
        self, accounts: Accounts, sealer: RecordSealer, limits: RateLimits, clock: Clock, max_cached: int = MAX_CACHED
    ) -> None:
        """Look callers up in `accounts`; cache up to `max_cached` client ids, the oldest goes first.

        `limits` say whether the address of a signature still has a budget when its turn comes.
        """
        self._merchants = accounts.merchants
        self._partners = accounts.partners
        self._signatures = accounts.client_signatures
        self._last_use = accounts.last_use
        self._sealer = sealer
        self._limits = limits
        self._clock = clock
        self._max_cached = max_cached
        self._cache: OrderedDict[str, _CachedClient] = OrderedDict()
        self._known = KnownCredentials()
        self._signature_slots = asyncio.Semaphore(_SIGNATURES_AT_ONCE)

    async def caller(self, request: Request) -> Caller:
        """Return the caller, also one whose calls are refused because it is suspended.

        Raises:
            AuthenticationError: the id is unknown or the credentials are wrong; it does not say which.
            RateLimitedError: the address used up its budget while a signature waited for its turn.
        """
        if request.partner_key:
            return await self._by_partner_key(request)
        if self._signatures and _is_signed(request):
            return await self._by_signature(request, self._signatures)
        return await self._by_client_secret(request)

    def forget(self) -> None:
        """Forget every credential that was accepted, because an emulator's store went back to an earlier state."""
        self._cache.clear()
        self._known.clear()

    def check_address(self, request: Request) -> None:
        """Raise RateLimitedError if the address of a request used up its budget, unless its credentials are known."""
        exhausted = self._limits.exhausted(request.origin)
        if exhausted and not self._knows(request):
            request.rate = exhausted
            raise RateLimitedError

    def _knows(self, request: Request) -> bool:
        """Return whether the credentials of a request were accepted before."""
        if request.partner_key:
            return self._known.holds(_represented(request), _digest_of_partner_key(request))
        digest = _digest_of_signature(request) if _is_signed(request) else _digest_of_secret(request)
        return self._known.holds(request.header(_CLIENT_ID), digest)

    async def _by_client_secret(self, request: Request) -> Caller:
        client_id = request.header(_CLIENT_ID)
        cache_key = _digest_of_secret(request)
        cached = self._cached(client_id)
        if cached is None or cache_key not in cached.accepted:
            read_at = self._clock.now()
            secret = Secret(text_of(request.client_secret))
            merchant, use = await self._verified(ClientId(client_id), secret, cache_key)
            cached = self._add(client_id, _CachedClient(merchant, read_at), cache_key, use)
        self._last_use.at[cached.accepted[cache_key]] = cached.read_at
        return Caller(cached.merchant_id, client_id, request.origin, request.request_id, cached.suspended)

    async def _verified(
        self, client_id: ClientId, secret: Secret[str], cache_key: bytes
    ) -> tuple[Merchant, CredentialUse]:
        """Return the merchant of a client id and which live credential has this secret.

        Raises:
            AuthenticationError: no merchant has the client id, or none of its credentials has the secret.
        """
        merchant, live = await self._merchants.secrets_of_client(client_id)
        digest = await self._sealer.digest(secret)
        # An unknown client id costs one comparison, too.
        matching = [each.credential_id for each in live or (_NO_SECRET,) if hmac.compare_digest(digest, each.digest)]
        if merchant is None or not matching:
            self._known.discard(client_id, cache_key)
            raise AuthenticationError(merchant.merchant_id if merchant else None)
        return merchant, CredentialUse(CredentialKind.MERCHANT_SECRET, merchant.merchant_id, matching[0])

    async def _by_signature(self, request: Request, client_signatures: ClientSignatures) -> Caller:
        client_id = request.header(_CLIENT_ID)
        cache_key = _digest_of_signature(request)
        cached = self._cached(client_id)
        if cached is None or cache_key not in cached.accepted:
            signature = _decoded(bytes(request.client_signature))
            async with self._signature_slots:
                self.check_address(request)  # others of its address may have failed while this one waited
                read_at = self._clock.now()
                merchant = await self._merchants.of_client(ClientId(client_id))
                opened = await client_signatures.opened(merchant.merchant_id if merchant else _NOBODY, signature)
            if merchant is None or opened is None or not self._holds_current(opened.texts, client_id):
                self._known.discard(client_id, cache_key)
                raise AuthenticationError(merchant.merchant_id if merchant else None)
            cached = self._add(client_id, _CachedClient(merchant, read_at), cache_key, opened.key)
        self._last_use.at[cached.accepted[cache_key]] = cached.read_at
        return Caller(cached.merchant_id, client_id, request.origin, request.request_id, cached.suspended)

    def _holds_current(self, texts: list[bytes], client_id: str) -> bool:
        return any(self._is_current(text, client_id) for text in texts)

    def _is_current(self, text: bytes, client_id: str) -> bool:
        signed = signatures.parse_client_signature(text)
        return signed is not None and signed.client_id == client_id and signed.is_current(self._clock.now() // SECOND)

    async def _by_partner_key(self, request: Request) -> Caller:
        """Accept a partner's key for the merchant that its own id names, or else its client id."""
        merchant_id, client_id = MerchantId(request.header(_PARTNER_MERCHANT)), ClientId(request.header(_CLIENT_ID))
        digest = await self._sealer.digest(Secret(text_of(request.partner_key)))
        if merchant_id:
            acting = await self._partners.acting_for(merchant_id, digest)
        else:
            acting = await self._partners.acting_for_client(client_id, digest)
        if acting is None:
            self._known.discard(_represented(request), _digest_of_partner_key(request))
            claimed = self._merchants.id_of(merchant_id) if merchant_id else self._merchants.id_of_client(client_id)
            raise AuthenticationError(await claimed)
        self._known.add(_represented(request), _digest_of_partner_key(request))
        use = CredentialUse(CredentialKind.PARTNER_KEY, acting.partner_id, acting.credential_id)
        self._last_use.at[use] = self._clock.now()
        return Caller(acting.merchant_id, acting.partner_id, request.origin, request.request_id, acting.suspended)

    def _cached(self, client_id: str) -> _CachedClient | None:
        cached = self._cache.get(client_id)
        if cached is None or not 0 <= self._clock.now() - cached.read_at < SECOND:
            return None  # a clock set back must not keep a revoked secret alive
        return cached

    def _add(self, client_id: str, new: _CachedClient, cache_key: bytes, use: CredentialUse) -> _CachedClient:
        """Cache an accepted credential, beside those of the same second, and know it from now on."""
        self._known.add(client_id, cache_key)
        cached = self._cached(client_id)
        if cached is None:
            cached = self._cache[client_id] = new
            if len(self._cache) > self._max_cached:
                drop_oldest(self._cache)
        cached.accepted[cache_key] = use
        return cached


def _is_signed(request: Request) -> bool:
    return bool(request.client_signature) and not request.client_secret


def _represented(request: Request) -> str:
    """Return the id, of a merchant or a client, that a partner's key was sent with."""
    return request.header(_PARTNER_MERCHANT) or request.header(_CLIENT_ID)


def _digest_of_secret(request: Request) -> bytes:
    return sha256(request.client_secret).digest()


def _digest_of_signature(request: Request) -> bytes:
    return sha256(_SIGNATURE + bytes(request.client_signature)).digest()


def _digest_of_partner_key(request: Request) -> bytes:
    return sha256(_PARTNER_KEY + bytes(request.partner_key)).digest()


def _decoded(signature: bytes) -> bytes:
    """Return the bytes of a signature; none, which no key opens, when it is not base64 (RFC 4648, 4)."""
    try:
        return base64.b64decode(signature, validate=True)
    except binascii.Error:
        return b""
