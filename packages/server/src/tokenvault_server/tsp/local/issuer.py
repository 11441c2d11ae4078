"""The built-in token service provider: what the vault's protocol asks, answered from our own tables and keys."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.clock import DAY, MINUTE, SECOND
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.network import Network
from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import InstrumentInactiveError, UnusableAnswerError, VaultError
from tokenvault_server.tsp.events import InboxEvent, TokenStatus
from tokenvault_server.tsp.local import cryptogram, provisioning, verification
from tokenvault_server.tsp.local.cryptogram import Claims, Subject
from tokenvault_server.tsp.local.issuer_actions import IssuerActions
from tokenvault_server.tsp.local.parts import Parts
from tokenvault_server.tsp.local.policy import LONGEST_CRYPTOGRAM_SECONDS
from tokenvault_server.tsp.local.verification import Outcome, Presented
from tokenvault_server.tsp.provider import (
    Capabilities,
    Cryptogram,
    CryptogramContext,
    LifecycleAction,
    LifecycleResult,
    ProvisionRequest,
    TokenGrant,
    TokenKey,
    TokenView,
    TransactionKind,
)

_ECI = {Network.MASTERCARD.value: "06"}  # what acquirers expect beside a network's token cryptogram
_OTHER_ECI = "07"
_ENROLMENTS_KEPT = 90 * DAY  # longer than any vault stands still and then goes on


class LocalTokenService:
    """An issuer for test cards. Its database is its own: a counter is durable before its cryptogram leaves."""

    capabilities = Capabilities(
        networks=frozenset(Network),
        suspends=True,
        binds_amounts=True,
        merchant_initiated_without_cryptogram=False,
        evidence_required=False,
    )

    def __init__(self, tsp_id: str, engine: Engine, parts: Parts) -> None:
        """Issue with these parts; `setup.open_local_token_service` puts them together."""
        self.tsp_id = tsp_id
        self.issuer = IssuerActions(parts)
        """What the issuer of the cards does on its own."""
        self._engine = engine
        self._parts = parts

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        """Give the token of a card, merchant and customer. Consent and AFA are the caller's to keep."""
        return await provisioning.provision(self._parts, request)

    async def cryptogram(self, key: TokenKey, context: CryptogramContext) -> Cryptogram:
        """Give a cryptogram under the next counter value of an active token."""
        parts = self._parts
        now = parts.clock.now()
        row = await parts.tokens.spend(key.reference, context.amount, now)
        if row is None or row.sealed is None:
            raise await self._refusal(key.reference)
        record = await parts.records.open(row, row.sealed)
        key_index, master_key = await parts.issuer_keys.newest(row.network)
        token_expiry = row.token_expiry
        subject = Subject(record.token_pan, token_expiry.yymm, row.trid, record.merchant_id, context.amount)
        claims = Claims(key_index, row.atc, os.urandom(4), _flags(context), cryptogram.issue_minute(now))
        value = cryptogram.encode(claims, cryptogram.code(master_key, row.psn, subject, claims))
        return Cryptogram(
            value=Secret(value),
            token_pan=record.network_token,
            token_expiry=token_expiry,
            trid=row.trid,
            expires_at=now - now % MINUTE + parts.policy.cryptogram_seconds * SECOND,
            atc=row.atc,
            key_index=key_index,
            eci=_ECI.get(row.network, _OTHER_ECI),
        )

    async def lifecycle(self, key: TokenKey, action: LifecycleAction, reason: str) -> LifecycleResult:  # noqa: ARG002
        """Suspend, resume or delete a token. The reason is for networks that ask for one; nothing is kept of it."""
        tokens, now = self._parts.tokens, self._parts.clock.now()
        if action is LifecycleAction.DELETE:
            change = await tokens.delete(key.reference, now)
            return LifecycleResult(TokenStatus.DELETED, change.changed_at if change else now)
        change = await tokens.set_suspended(key.reference, now, suspended=action is LifecycleAction.SUSPEND)
        if change is None:
            raise await self._refusal(key.reference)
        return LifecycleResult(TokenStatus(change.status), change.changed_at, change.suspended_by)

    async def get(self, key: TokenKey) -> TokenView:
        """Return a token's present state, with its number while its record exists."""
        row = await self._parts.tokens.by_reference(key.reference)
        if row is None:
            raise _unknown()
        record = await self._parts.records.open(row, row.sealed) if row.sealed is not None else None
        expired = row.status != TokenStatus.DELETED and row.token_expires_at <= self._parts.clock.now()
        return TokenView(
            token_reference=row.token_reference,
            status=TokenStatus.EXPIRED if expired else TokenStatus(row.status),
            token_expiry=row.token_expiry,
            trid=row.trid,
            network=Network(row.network),
            last4=row.last4,
            at=row.changed_at,
            token_pan=record.network_token if record else None,
            suspended_by=row.suspended_by,
        )

    async def events(self, after: str, limit: int) -> list[InboxEvent]:
        """Return what the issuer changed and the vault has not acknowledged."""
        return await self._parts.inbox.events(after, limit)

    async def acknowledge(self, event_ids: Sequence[str]) -> None:
        """Drop events from the inbox."""
        await self._parts.inbox.acknowledge(event_ids)

    async def health(self) -> None:
        """Return when the database answers and the keys open."""
        await self._parts.keyring.active(Purpose.CARD)
        await self._parts.inbox.events("", 1)

    async def close_enrolment(self, enrolment_id: str) -> TokenReference | None:
        """Give the token that was made for an enrolment, or see to it that none will be."""
        return await self._parts.tokens.close_enrolment(enrolment_id, self._parts.clock.now())

    async def verify(self, presented: Presented) -> Outcome:
        """Tell whether a presented cryptogram is good, and use it up if it is. No input makes it raise."""
        return await verification.verify(self._parts, presented)

    async def sweep(self) -> None:
        """Forget presented cryptograms that no policy could let verify again, and enrolments of long ago."""
        # Not this policy's age: with a longer one tomorrow, a forgotten presentation would verify a second time.
        age = LONGEST_CRYPTOGRAM_SECONDS * SECOND + 2 * MINUTE
        now = self._parts.clock.now()
        await self._parts.tokens.sweep(now - age, enrolments_before=now - _ENROLMENTS_KEPT)

    async def close(self) -> None:
        """Close the database."""
        await self._engine.close()

    async def _refusal(self, token_reference: TokenReference) -> VaultError:
        known = await self._parts.tokens.by_reference(token_reference)
        return InstrumentInactiveError() if known else _unknown()


def _flags(context: CryptogramContext) -> int:
    initiated = cryptogram.MERCHANT_INITIATED if context.kind is TransactionKind.MIT else 0
    return initiated | (cryptogram.AMOUNT_BOUND if context.amount else 0)


def _unknown() -> UnusableAnswerError:
    return UnusableAnswerError(
        hint="the token service does not know this token; do both databases come from the same backup?"
    )
