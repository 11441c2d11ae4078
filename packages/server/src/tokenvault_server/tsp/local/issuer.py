"""The built-in token service provider: implements the vault's protocol with its own tables and keys."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tokenvault_server.database.engine import Engine
from tokenvault_server.domain import randomness
from tokenvault_server.domain.clock import DAY, MINUTE, SECOND
from tokenvault_server.domain.inspection import Inspection, Notify
from tokenvault_server.domain.keys import Purpose
from tokenvault_server.domain.network import Network
from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.domain.secret import Secret
from tokenvault_server.errors import InstrumentInactiveError, UnusableAnswerError, VaultError
from tokenvault_server.tsp.events import InboxEvent, TokenStatus
from tokenvault_server.tsp.local import cryptogram, provisioning, verification
from tokenvault_server.tsp.local.components import Components
from tokenvault_server.tsp.local.cryptogram import Claims, Subject
from tokenvault_server.tsp.local.inspection import CardInspection
from tokenvault_server.tsp.local.issuer_actions import IssuerActions
from tokenvault_server.tsp.local.policy import LONGEST_CRYPTOGRAM_SECONDS
from tokenvault_server.tsp.local.verification import Outcome, Presentation
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

_ECI = {Network.MASTERCARD.value: "06"}  # the values that acquirers expect with a network's token cryptogram
_OTHER_ECI = "07"
_ENROLMENTS_KEPT = 90 * DAY  # longer than a vault is ever stopped and then started again


class LocalTokenService:
    """An issuer for test cards, with a database of its own. A counter is durable before its cryptogram is returned."""

    capabilities = Capabilities(
        networks=frozenset(Network),
        suspends=True,
        binds_amounts=True,
        merchant_initiated_without_cryptogram=False,
        evidence_required=False,
    )

    def __init__(self, tsp_id: str, engine: Engine, components: Components) -> None:
        """Issue with these components; `setup.open_local_token_service` builds them."""
        self.tsp_id = tsp_id
        self.issuer = IssuerActions(components)
        """The actions that the issuer of the cards takes on its own."""
        self._engine = engine
        self._components = components

    async def provision(self, request: ProvisionRequest) -> TokenGrant:
        """Return the token of a card, merchant and customer. The caller keeps the evidence of consent and AFA."""
        return await provisioning.provision(self._components, request)

    async def cryptogram(self, key: TokenKey, context: CryptogramContext) -> Cryptogram:
        """Return a cryptogram with the next counter value of an active token."""
        components = self._components
        now = components.clock.now()
        row = await components.tokens.spend(key.reference, context.amount, now)
        if row is None or row.sealed is None:
            raise await self._not_usable(key.reference)
        record = await components.records.open(row, row.sealed)
        key_index, master_key = await components.issuer_keys.newest(row.network)
        token_expiry = row.token_expiry
        subject = Subject(record.network_token, token_expiry.yymm, row.trid, record.merchant_id, context.amount)
        claims = Claims(key_index, row.atc, randomness.token_bytes(4), _flags(context), cryptogram.issue_minute(now))
        value = cryptogram.encode(claims, cryptogram.code(master_key, row.psn, subject, claims))
        return Cryptogram(
            value=Secret(value),
            token_pan=record.network_token,
            token_expiry=token_expiry,
            trid=row.trid,
            expires_at=now - now % MINUTE + components.policy.cryptogram_seconds * SECOND,
            atc=row.atc,
            key_index=key_index,
            eci=_ECI.get(row.network, _OTHER_ECI),
            counter=row.counter,
        )

    async def lifecycle(self, key: TokenKey, action: LifecycleAction, reason: str) -> LifecycleResult:  # noqa: ARG002
        """Suspend, resume or delete a token. The reason is for networks that require one; it is not stored here."""
        tokens, now = self._components.tokens, self._components.clock.now()
        if action is LifecycleAction.DELETE:
            change = await tokens.delete(key.reference, now)
            return LifecycleResult(TokenStatus.DELETED, change.changed_at if change else now)
        change = await tokens.set_suspended(key.reference, now, suspended=action is LifecycleAction.SUSPEND)
        if change is None:
            raise await self._not_usable(key.reference)
        return LifecycleResult(TokenStatus(change.status), change.changed_at, change.suspended_by)

    async def get(self, key: TokenKey) -> TokenView:
        """Return the present state of a token, with its number while its record exists."""
        row = await self._components.tokens.by_reference(key.reference)
        if row is None:
            raise _unknown()
        record = await self._components.records.open(row, row.sealed) if row.sealed is not None else None
        expired = row.status != TokenStatus.DELETED and row.token_expires_at <= self._components.clock.now()
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
        """Return the issuer's changes that the vault has not acknowledged."""
        return await self._components.inbox.events(after, limit)

    async def acknowledge(self, event_ids: Sequence[str]) -> None:
        """Remove events from the inbox."""
        await self._components.inbox.acknowledge(event_ids)

    async def health(self) -> None:
        """Return if the database answers and the keys can be unwrapped."""
        await self.check_keys()
        for network in Network:
            await self._components.issuer_keys.newest(network.value)
        await self._components.inbox.events("", 1)

    async def check_keys(self) -> None:
        """Unwrap the keys that every card needs.

        Raises:
            KeyUnavailableError: one is missing or does not unwrap.
        """
        for purpose in (Purpose.CARD, Purpose.CARD_INDEX, Purpose.PAR):
            await self._components.keyring.active(purpose)

    async def inspect(self, size: int, notify: Notify) -> list[Inspection]:
        """Open, of every key, the `size` newest records of cards and events and `size` random ones."""
        return await CardInspection(self._engine, self._components).run(self.tsp_id, size, notify)

    def watch(self, count_unreadable: Callable[[], None]) -> None:
        """Call a function for each card record that does not open."""
        self._components.opener.count_unreadable = count_unreadable

    async def close_enrolment(self, enrolment_id: str) -> TokenReference | None:
        """Return the token that was created for an enrolment, or None; after None, none is created for it."""
        return await self._components.tokens.close_enrolment(enrolment_id, self._components.clock.now())

    async def verify(self, presentation: Presentation) -> Outcome:
        """Verify a presented cryptogram, and use it up if it is genuine. No input makes it raise."""
        return await verification.verify(self._components, presentation)

    async def sweep(self) -> None:
        """Delete presentations that no policy could verify again, and old enrolments."""
        # The age is not that of the present policy. If an operator chose a longer one later, a cryptogram whose
        # presentation was deleted would verify a second time.
        age = LONGEST_CRYPTOGRAM_SECONDS * SECOND + 2 * MINUTE
        now = self._components.clock.now()
        await self._components.tokens.sweep(now - age, enrolments_before=now - _ENROLMENTS_KEPT)

    async def close(self) -> None:
        """Close the database."""
        await self._engine.close()

    async def _not_usable(self, token_reference: TokenReference) -> VaultError:
        """Return the error for a token that is not active: it is inactive, or it is unknown."""
        known = await self._components.tokens.by_reference(token_reference)
        return InstrumentInactiveError() if known else _unknown()


def _flags(context: CryptogramContext) -> int:
    initiated = cryptogram.MERCHANT_INITIATED if context.kind is TransactionKind.MIT else 0
    return initiated | (cryptogram.AMOUNT_BOUND if context.amount else 0)


def _unknown() -> UnusableAnswerError:
    return UnusableAnswerError(
        hint="the token service does not know this token; do both databases come from the same backup?"
    )
