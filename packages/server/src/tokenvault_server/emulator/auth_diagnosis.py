"""Says in the emulator's log and on its status page why a caller was not authenticated. The answer never says it.

A served vault has no diagnosis: its log would help those who guess. The text is made of our own words, of names of
headers, and of ids that this emulator made. What the caller sent is not repeated, because a secret may stand in any
header.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from tokenvault_contract import headers, signatures
from tokenvault_server.api.call import Request, text_of
from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.clock import SECOND, Clock
from tokenvault_server.domain.identifiers import PARTNER_KEY_PREFIX, ClientId, MerchantId
from tokenvault_server.domain.secret import Secret
from tokenvault_server.emulator.exchange import EXCHANGE
from tokenvault_server.errors import VaultError
from tokenvault_server.store import credentials as store
from tokenvault_server.store.credentials import FoundCredential
from tokenvault_server.vault.client_signatures import ClientSignatures
from tokenvault_server.vault.merchants import Merchants
from tokenvault_server.vault.record_sealer import RecordSealer

logger = logging.getLogger(__name__)

_CLIENT_ID: Final = headers.CLIENT_ID.encode()
_MERCHANT: Final = headers.PARTNER_MERCHANT_ID.encode()

_KEPT: Final = 20
_OF_CASHFREE: Final = "cfsk_"
_WRONG_ENVIRONMENT: Final = "it looks like Cashfree's: this emulator has credentials of its own, which it prints"


class AuthDiagnosis:
    """Finds out why calls were not authenticated, after they were answered."""

    def __init__(
        self,
        engine: Engine,
        sealer: RecordSealer,
        merchants: Merchants,
        client_signatures: ClientSignatures | None,
        clock: Clock,
        *,
        logs: bool = True,
    ) -> None:
        """Look callers up there.

        Args:
            engine: finds credentials.
            sealer: makes the digests of credentials.
            merchants: finds merchants.
            client_signatures: opens signatures; None where authentication by signature is switched off.
            clock: what time it is.
            logs: whether each reason is logged. It is not where the line of the call shows it.
        """
        self._engine = engine
        self._sealer = sealer
        self._merchants = merchants
        self._signatures = client_signatures
        self._clock = clock
        self._logs = logs
        self._recent: deque[str] = deque(maxlen=_KEPT)
        self._running: set[asyncio.Task[str]] = set()

    def __call__(self, request: Request) -> None:
        """Find out soon why a request failed. The answer does not wait for it."""
        task = asyncio.get_running_loop().create_task(self._record(request))
        if exchange := EXCHANGE.get():
            exchange.diagnosis = task
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def recent(self) -> Sequence[str]:
        """Return the last failures, the newest first: moment, request id and reason."""
        return tuple(reversed(self._recent))

    async def forget(self) -> None:
        """Forget all failures, because the emulator begins anew."""
        await self.settled()
        self._recent.clear()

    async def settled(self) -> None:
        """Wait until all failures are recorded."""
        while self._running:
            await asyncio.wait(self._running)

    async def _record(self, request: Request) -> str:
        try:
            reason = await self.reason(request)
        except VaultError as error:
            reason = f"it could not be found out: {error.hint or error.message}"
        except Exception as error:  # noqa: BLE001  # its frames hold what the caller sent
            reason = f"it could not be found out: {type(error).__name__}"
        if self._logs:
            logger.warning("authentication failed", extra={"reason": reason, "request_id": request.request_id})
        self._recent.append(f"{_moment(self._clock.now())} {request.request_id}: {reason}")
        return reason

    async def reason(self, request: Request) -> str:
        """Return why the credentials of a request are not accepted. The order is that of `Authentication.caller`."""
        sent = {name: request.header(name.encode()) for name in headers.CREDENTIALS}
        sent[headers.CLIENT_SECRET] = text_of(request.client_secret)
        sent[headers.CLIENT_SIGNATURE] = text_of(request.client_signature)
        sent[headers.PARTNER_API_KEY] = text_of(request.partner_key)
        for name, value in sent.items():
            if "," in value:
                return f"{name} was sent twice, or it has a comma in it"
        if text_of(request.partner_key):
            return await self._reason_of_partner_key(request)
        if not request.header(_CLIENT_ID):
            return f"{headers.CLIENT_ID} is missing"
        if text_of(request.client_signature) and not text_of(request.client_secret) and self._signatures:
            return await self._reason_of_signature(request, self._signatures)
        return await self._reason_of_secret(request)

    async def _reason_of_secret(self, request: Request) -> str:
        secret, client_id = text_of(request.client_secret), request.header(_CLIENT_ID)
        if not secret:
            return f"{headers.CLIENT_SECRET} is missing, and there is no other credential"
        merchant_id = await self._merchants.id_of_client(ClientId(client_id))
        known = await self._secret(secret)
        if merchant_id is None:
            return await self._unknown_client(client_id, secret)
        if known is None:
            return f"{headers.CLIENT_SECRET} is wrong: {await self._wrong_secret(secret)}"
        if known.owner != merchant_id:
            return f"{headers.CLIENT_SECRET} is a secret of another merchant, {known.owner}"
        return f"{headers.CLIENT_SECRET} {self._end_of(known)}"

    async def _unknown_client(self, client_id: str, secret: str) -> str:
        unknown = f"{headers.CLIENT_ID} is no client id of this emulator"
        if await self._secret(client_id) and await self._merchants.id_of_client(ClientId(secret)):
            return f"{headers.CLIENT_ID} and {headers.CLIENT_SECRET} are exchanged"
        if await self._merchants.id_of(MerchantId(client_id)):
            return f"{unknown}: it is the id of a merchant, which belongs into {headers.PARTNER_MERCHANT_ID}"
        if secret.startswith(_OF_CASHFREE):
            return f"{unknown}, and {headers.CLIENT_SECRET} is no secret of it: {_WRONG_ENVIRONMENT}"
        if await self._secret(secret):
            return f"{unknown}, but {headers.CLIENT_SECRET} is right for another one"
        return f"{unknown}: it prints its credentials at its start, and new ones at each start without --data"

    async def _wrong_secret(self, secret: str) -> str:
        if secret.startswith(_OF_CASHFREE):
            return _WRONG_ENVIRONMENT
        if await self._partner_key(secret):
            return f"it is the key of a partner, which belongs into {headers.PARTNER_API_KEY}"
        if await self._secret(secret.strip("\"' \t")):
            return "it has quotation marks or spaces around it"
        return "no merchant of this emulator has it"

    async def _reason_of_partner_key(self, request: Request) -> str:
        key, merchant_id = text_of(request.partner_key), MerchantId(request.header(_MERCHANT))
        known = await self._partner_key(key)
        if known is None:
            if key.startswith(PARTNER_KEY_PREFIX):
                return f"{headers.PARTNER_API_KEY} is wrong: no partner of this emulator has it"
            return f"{headers.PARTNER_API_KEY} is not the key of a partner"
        if not known.is_live(self._clock.now()):
            return f"{headers.PARTNER_API_KEY} {self._end_of(known)}"
        if merchant_id:
            found, name = await self._merchants.id_of(merchant_id), headers.PARTNER_MERCHANT_ID
        else:
            found = await self._merchants.id_of_client(ClientId(request.header(_CLIENT_ID)))
            name = headers.CLIENT_ID
        if not merchant_id and not request.header(_CLIENT_ID):
            return f"no merchant is named: send {headers.PARTNER_MERCHANT_ID} or {headers.CLIENT_ID}"
        if found is None:
            return f"{name} names no merchant of this emulator"
        return f"the partner {known.owner} is not linked to the merchant {found}: `tokenvault partner link`"

    async def _reason_of_signature(self, request: Request, client_signatures: ClientSignatures) -> str:
        name, client_id = headers.CLIENT_SIGNATURE, request.header(_CLIENT_ID)
        merchant_id = await self._merchants.id_of_client(ClientId(client_id))
        if merchant_id is None:
            return f"{headers.CLIENT_ID} is no client id of this emulator"
        try:
            octets = base64.b64decode(text_of(request.client_signature), validate=True)
        except ValueError:  # characters of no alphabet, or beyond ASCII
            return f"{name} is not base64"
        opened = await client_signatures.opened(merchant_id, octets)
        if opened is None:
            return f"the merchant {merchant_id} has no signature key: `tokenvault merchant signature-key`"
        return self._reason_of_texts(opened.texts, client_id, merchant_id)

    def _reason_of_texts(self, texts: Sequence[bytes], client_id: str, merchant_id: str) -> str:
        name = headers.CLIENT_SIGNATURE
        if not texts:
            return f"{name} was not made with the newest public key of the merchant {merchant_id}"
        signed = next(filter(None, map(signatures.parse_client_signature, texts)), None)
        if signed is None:
            return f"{name} does not hold the client id, a dot and unix seconds"
        if signed.client_id != client_id:
            return f"{name} was made for another client id"
        late = self._clock.now() // SECOND - signed.at
        if late > 0:
            return f"{name} is {late} seconds old: it is accepted for {signatures.LIFETIME_SECONDS}"
        return f"{name} is of {-late} seconds from now: a clock may be {signatures.SKEW_SECONDS} seconds ahead"

    async def _secret(self, text: str) -> FoundCredential | None:
        return await store.find_merchant_secret(self._engine, await self._sealer.digest(Secret(text)))

    async def _partner_key(self, text: str) -> FoundCredential | None:
        return await store.find_partner_key(self._engine, await self._sealer.digest(Secret(text)))

    def _end_of(self, known: FoundCredential) -> str:
        if known.revoked_at is not None:
            return f"was revoked at {_moment(known.revoked_at)}"
        if known.expires_at is not None and not known.is_live(self._clock.now()):
            return f"expired at {_moment(known.expires_at)}"
        return "is right now: it was not when the call came"


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at // SECOND, UTC).isoformat()
