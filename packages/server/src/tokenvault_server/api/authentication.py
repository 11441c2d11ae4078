"""Who is calling: a function for each scheme, the same answer and work for an unknown id as for a wrong secret.

A partner's key decides if one was sent, else a secret, else a signature. What was recognised is remembered for a
second, so a revoked secret works for at most a second longer. Nothing else is remembered: whatever is not recognised at
once is looked up anew, so that a client id in use takes no less time to be refused than one that nobody has.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256

from tokenvault_contract import headers, signatures
from tokenvault_server.api.call import Call
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
_CLIENT_SECRET = headers.CLIENT_SECRET.encode()
_CLIENT_SIGNATURE = headers.CLIENT_SIGNATURE.encode()
_PARTNER_KEY = headers.PARTNER_API_KEY.encode()
_PARTNER_MERCHANT = headers.PARTNER_MERCHANT_ID.encode()

_REMEMBERED = 10_000
_NOBODY = MerchantId("")
_NO_SECRET = LiveCredential("", bytes(32))


class _Known:
    """What was recognised of a client id, and when."""

    __slots__ = ("accepted", "merchant_id", "read_at")

    def __init__(self, merchant_id: MerchantId, read_at: int) -> None:
        self.merchant_id = merchant_id
        self.read_at = read_at
        self.accepted: dict[bytes, CredentialUse] = {}
        """The bare hashes of what passed, each with what was used: the next call with it asks nobody."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Where callers are looked up, and where it is noted that they came."""

    merchants: Merchants
    partners: Partners
    client_signatures: ClientSignatures | None
    """None where signing in by signature is switched off."""
    last_use: LastUse


class Authentication:
    """Recognises callers by their headers."""

    def __init__(self, people: Accounts, sealer: RecordSealer, clock: Clock) -> None:
        """Look callers up among `people`."""
        self._merchants = people.merchants
        self._partners = people.partners
        self._signatures = people.client_signatures
        self._last_use = people.last_use
        self._sealer = sealer
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def caller(self, call: Call) -> Caller:
        """Give who is calling; AuthenticationError, which says no more than that, for everybody else."""
        sent = call.headers
        if sent.get(_PARTNER_KEY):
            return await self._by_partner_key(call)
        if self._signatures and sent.get(_CLIENT_SIGNATURE) and not sent.get(_CLIENT_SECRET):
            return await self._by_signature(call, self._signatures)
        return await self._by_client_secret(call)

    async def _by_client_secret(self, call: Call) -> Caller:
        client_id = call.header(_CLIENT_ID)
        bare = sha256(call.headers.get(_CLIENT_SECRET, b"")).digest()
        known = self._remembered(client_id)
        if known is None or bare not in known.accepted:
            read_at = self._clock.now()
            use = await self._verified(ClientId(client_id), Secret(call.header(_CLIENT_SECRET)))
            known = self._remember(client_id, _Known(MerchantId(use.owner), read_at), bare, use)
        self._last_use.at[known.accepted[bare]] = known.read_at
        return _caller(call, known.merchant_id, client_id)

    async def _verified(self, client_id: ClientId, secret: Secret[str]) -> CredentialUse:
        """Give the live secret of the client id that was sent."""
        merchant_id, live = await self._merchants.secrets_of_client(client_id)
        digest = await self._sealer.digest(secret)
        found = [each.credential_id for each in live or (_NO_SECRET,) if hmac.compare_digest(digest, each.digest)]
        if merchant_id is None or not found:
            raise AuthenticationError(merchant_id)
        return CredentialUse(CredentialKind.MERCHANT_SECRET, merchant_id, found[0])

    async def _by_signature(self, call: Call, client_signatures: ClientSignatures) -> Caller:
        client_id = call.header(_CLIENT_ID)
        signature = call.headers[_CLIENT_SIGNATURE]
        bare = sha256(b"signature\0" + signature).digest()  # no header holds a NUL: never the hash of a secret
        known = self._remembered(client_id)
        if known is None or bare not in known.accepted:
            read_at = self._clock.now()
            merchant_id = await self._merchants.id_of_client(ClientId(client_id))
            opened = await client_signatures.opened(merchant_id or _NOBODY, _decoded(signature))
            if merchant_id is None or opened is None or not self._vouches(opened.texts, client_id):
                raise AuthenticationError(merchant_id)
            known = self._remember(client_id, _Known(merchant_id, read_at), bare, opened.key)
        self._last_use.at[known.accepted[bare]] = known.read_at
        return _caller(call, known.merchant_id, client_id)

    def _vouches(self, texts: list[bytes], client_id: str) -> bool:
        return any(self._is_current(text, client_id) for text in texts)

    def _is_current(self, text: bytes, client_id: str) -> bool:
        said = signatures.parse_client_signature(text)
        return said is not None and said.client_id == client_id and said.is_current(self._clock.now() // SECOND)

    async def _by_partner_key(self, call: Call) -> Caller:
        """Accept a partner's key for the merchant named by its own id, or else by its client id."""
        digest = await self._sealer.digest(Secret(call.header(_PARTNER_KEY)))
        merchant_id, client_id = MerchantId(call.header(_PARTNER_MERCHANT)), ClientId(call.header(_CLIENT_ID))
        if merchant_id:
            acting = await self._partners.acting_for(merchant_id, digest)
        else:
            acting = await self._partners.acting_for_client(client_id, digest)
        if acting is None:
            named = self._merchants.id_of(merchant_id) if merchant_id else self._merchants.id_of_client(client_id)
            raise AuthenticationError(await named)
        use = CredentialUse(CredentialKind.PARTNER_KEY, acting.partner_id, acting.credential_id)
        self._last_use.at[use] = self._clock.now()
        return _caller(call, acting.merchant_id, acting.partner_id)

    def _remembered(self, client_id: str) -> _Known | None:
        known = self._known.get(client_id)
        if known is None or not 0 <= self._clock.now() - known.read_at < SECOND:
            return None  # a clock set back must not keep a secret alive
        return known

    def _remember(self, client_id: str, found: _Known, bare: bytes, use: CredentialUse) -> _Known:
        """Remember what passed, beside what passed in the same second."""
        known = self._remembered(client_id)
        if known is None:
            known = self._known[client_id] = found
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        known.accepted[bare] = use
        return known


def _decoded(signature: bytes) -> bytes:
    """Give the bytes of a signature; what is not base64 (RFC 4648, 4) opens nowhere."""
    try:
        return base64.b64decode(signature, validate=True)
    except binascii.Error:
        return b""


def _caller(call: Call, merchant_id: MerchantId, actor: str) -> Caller:
    return Caller(merchant_id, actor, call.origin, call.request_id)
