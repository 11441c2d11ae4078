"""Who is calling: a function for each scheme, the same answer and work for an unknown id as for a wrong secret.

What is read from the database is remembered for a second, so a revoked secret works for at most a second longer.
"""

from __future__ import annotations

import hmac
from collections import OrderedDict
from hashlib import sha256

from tokenvault_contract import headers
from tokenvault_server.api.call import Call
from tokenvault_server.domain.clock import SECOND, Clock
from tokenvault_server.domain.identifiers import MAX_ID, ClientId, MerchantId
from tokenvault_server.domain.merchant import Caller
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import AuthenticationError
from tokenvault_server.vault.custody import Custody
from tokenvault_server.vault.merchants import Merchants

_CLIENT_ID = headers.CLIENT_ID.encode()
_CLIENT_SECRET = headers.CLIENT_SECRET.encode()
_PARTNER_KEY = headers.PARTNER_API_KEY.encode()
_PARTNER_MERCHANT = headers.PARTNER_MERCHANT_ID.encode()

_REMEMBERED = 10_000
_NOBODY = MerchantId("")
_NO_DIGEST = bytes(32)


class _Known:
    """What the database said of a client id, and when; and which secret was right since."""

    __slots__ = ("accepted", "digests", "merchant_id", "read_at")

    def __init__(self, merchant_id: MerchantId, digests: tuple[bytes, ...], read_at: int) -> None:
        self.merchant_id = merchant_id
        self.digests = digests
        self.read_at = read_at
        self.accepted = _NO_DIGEST
        """The bare hash of a secret that passed, so that the next call with it need not ask the keyring again."""


class Authentication:
    """Recognises callers by their headers."""

    def __init__(self, merchants: Merchants, custody: Custody, clock: Clock) -> None:
        """Look callers up among `merchants`."""
        self._merchants = merchants
        self._custody = custody
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def caller(self, call: Call) -> Caller:
        """Give who is calling; AuthenticationError, which says no more than that, for everybody else."""
        if call.header(_PARTNER_KEY):
            return await self._by_partner_key(call)
        return await self._by_client_secret(call)

    async def claimed_merchant(self, call: Call) -> str | None:
        """Give the merchant whose name a refused call used, for that merchant's audit chain."""
        known = await self._look_up(call.header(_CLIENT_ID))
        if known.merchant_id:
            return known.merchant_id
        merchant = await self._merchants.load(MerchantId(call.header(_PARTNER_MERCHANT)))
        return merchant.merchant_id if merchant else None

    async def _by_client_secret(self, call: Call) -> Caller:
        client_id = call.header(_CLIENT_ID)
        known = await self._look_up(client_id)
        bare = sha256(call.headers.get(_CLIENT_SECRET, b"")).digest()
        if not hmac.compare_digest(bare, known.accepted):
            await self._verify(call, known)
            known.accepted = bare
        return _caller(call, known.merchant_id, client_id)

    async def _verify(self, call: Call, known: _Known) -> None:
        digest = await self._custody.digest(Secret(call.header(_CLIENT_SECRET)))
        accepted = [hmac.compare_digest(digest, live) for live in known.digests or (_NO_DIGEST,)]
        if not any(accepted):
            raise AuthenticationError

    async def _by_partner_key(self, call: Call) -> Caller:
        """Accept a partner's key for the merchant named by its own id or by its client id."""
        digest = await self._custody.digest(Secret(call.header(_PARTNER_KEY)))
        merchant_id = MerchantId(call.header(_PARTNER_MERCHANT))
        if not merchant_id:
            merchant_id = (await self._look_up(call.header(_CLIENT_ID))).merchant_id
        partner_id = await self._merchants.partner_for(merchant_id, digest)
        if partner_id is None:
            raise AuthenticationError
        return _caller(call, merchant_id, partner_id)

    async def _look_up(self, client_id: str) -> _Known:
        now = self._clock.now()
        known = self._known.get(client_id)
        if known is None or not 0 <= now - known.read_at < SECOND:  # a clock set back must not keep a secret alive
            merchant = await self._merchants.of_client(ClientId(client_id))
            merchant_id = merchant.merchant_id if merchant else _NOBODY
            known = _Known(merchant_id, await self._merchants.live_digests(merchant_id), now)
            self._remember(client_id, known)
        return known

    def _remember(self, client_id: str, known: _Known) -> None:
        if len(client_id) > MAX_ID:
            return  # nobody has such an id: it would only fill the memory
        self._known[client_id] = known
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _caller(call: Call, merchant_id: MerchantId, actor: str) -> Caller:
    return Caller(merchant_id, actor, call.origin, call.request_id)
