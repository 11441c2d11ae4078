"""The local token service's tables: tokens with their counters, requestors, and presented cryptograms."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Rows, Work, in_batches, single_statement
from tokenvault_server.database.queries import Statement
from tokenvault_server.domain.card import Expiry
from tokenvault_server.domain.network import Network
from tokenvault_server.domain.network_token import TokenReference, TokenRequestorId
from tokenvault_server.errors import TokenServiceUnavailableError
from tokenvault_server.tsp.events import Suspender, TokenStatus
from tokenvault_server.tsp.local.identifiers import expiry_ending
from tokenvault_server.tsp.provider import Amount

SQL = queries.load("tokenvault_server.tsp.local", "tokens.sql")


class TokenRow(NamedTuple):
    """A row of a token."""

    token_reference: TokenReference
    status: str
    network: str
    trid: TokenRequestorId
    last4: str
    psn: int
    atc: int
    token_expires_at: int
    row_version: int
    sealed: bytes | None
    changed_at: int
    """The time of the newest change; every change has a later time than the one before."""
    issuer_suspended: int

    def __repr__(self) -> str:
        """Return the state of the token, without any identifier."""
        return f"TokenRow(status={self.status}, psn={self.psn}, atc={self.atc})"

    @property
    def counter(self) -> int:
        """The number of the newest cryptogram among all of this token: the sequence number comes first."""
        return self.psn * 2**16 + self.atc

    @property
    def token_expiry(self) -> Expiry:
        """The month in which the token is last valid."""
        return expiry_ending(self.token_expires_at)

    @property
    def suspended_by(self) -> Suspender | None:
        """The party that keeps the token suspended."""
        return TokenChange(self.status, self.changed_at, self.issuer_suspended).suspended_by

    def is_active(self, now: int) -> bool:
        """Return whether the token may be used at this time."""
        return self.status == TokenStatus.ACTIVE and now < self.token_expires_at


class TokenChange(NamedTuple):
    """The state of a token after a change."""

    status: str
    changed_at: int
    issuer_suspended: int

    @property
    def suspended_by(self) -> Suspender | None:
        """The party that keeps the token suspended; the issuer if both do."""
        if self.status != TokenStatus.SUSPENDED:
            return None
        return Suspender.ISSUER if self.issuer_suspended else Suspender.REQUESTOR


class NewToken(NamedTuple):
    """A token that is about to be stored."""

    token_reference: TokenReference
    network: Network
    trid: TokenRequestorId
    last4: str
    token_expires_at: int
    token_index: bytes
    card_index: bytes
    sealed: bytes
    enrolment_id: str
    """Empty when the caller does not need to find the token by it."""

    def __repr__(self) -> str:
        """Return no value."""
        return "NewToken(****)"


class TokenTable:
    """Reads and changes tokens. Every change of a token is one statement whose condition says when it is allowed."""

    def __init__(self, engine: Engine) -> None:
        """Use the tables of `engine`."""
        self._engine = engine

    async def current(self, card_index: bytes, now: int) -> TokenRow | None:
        """Return the active or suspended token of a card, merchant and customer, or None."""
        return await self._one(SQL["current_token"](card_index=card_index, now=now))

    async def by_reference(self, token_reference: TokenReference) -> TokenRow | None:
        return await self._one(SQL["token_by_reference"](token_reference=token_reference))

    async def by_index(self, token_index: bytes) -> TokenRow | None:
        return await self._one(SQL["token_by_index"](token_index=token_index))

    async def insert(self, token: NewToken, now: int) -> bool:
        """Store a new token; return False when its card has a token now, or its number is taken."""
        return bool(await self._engine.commit(lambda: _insert(token, now)))

    async def close_enrolment(self, enrolment_id: str, now: int) -> TokenReference | None:
        """Return the token that was created for an enrolment, or None; after None, none can be created for it."""
        return await self._engine.commit(lambda: _close_enrolment(enrolment_id, now))

    async def reseal(self, row: TokenRow, sealed: bytes) -> bool:
        """Replace a row's sealed record; return False when the row has changed since it was read."""
        reference, version = row.token_reference, row.row_version
        return await self._did(SQL["reseal_token"](token_reference=reference, row_version=version, sealed=sealed))

    async def spend(self, token_reference: TokenReference, amount: Amount | None, now: int) -> TokenRow | None:
        """Spend the next counter value, durably, and return the new row, or None when the token may not be used."""
        statement = SQL["spend"](token_reference=token_reference, now=now)
        body = _spend_bound(statement, amount, now) if amount else single_statement(statement)
        rows = await self._engine.commit(body)
        return TokenRow(*rows[0]) if rows else None

    async def bound_amount(self, token_reference: TokenReference, psn: int, atc: int) -> Amount | None:
        """Return the amount that a cryptogram is bound to, or None when it is not stored any more."""
        rows = await self._engine.read(SQL["read_amount"](token_reference=token_reference, psn=psn, atc=atc))
        return Amount(*rows[0]) if rows else None

    async def is_free(self, token_index: bytes) -> bool:
        """Return whether no token has this number or had it before."""
        return not (
            await self._engine.read(SQL["token_by_index"](token_index=token_index))
            or await self._engine.read(SQL["is_former_number"](token_index=token_index))
        )

    async def set_suspended(self, token_reference: TokenReference, now: int, *, suspended: bool) -> TokenChange | None:
        """Suspend or resume a token for its requestor; return None when it is expired, deleted or unknown."""
        return await self._changed(
            SQL["suspend_by_requestor"](token_reference=token_reference, suspended=int(suspended), now=now)
        )

    async def delete(self, token_reference: TokenReference, now: int) -> TokenChange | None:
        """Delete a token; return None when it is unknown or already deleted."""
        return await self._changed(SQL["delete_token"](token_reference=token_reference, now=now))

    async def present(self, token_reference: TokenReference, key_index: int, psn: int, atc: int, now: int) -> bool:
        """Record that a cryptogram was presented; return False when it was presented before."""
        return await self._did(
            SQL["present"](token_reference=token_reference, key_index=key_index, psn=psn, atc=atc, now=now)
        )

    async def sweep(self, before: int, *, enrolments_before: int) -> None:
        """Delete old presentations, amounts and enrolments.

        Args:
            before: no cryptogram of an earlier time can still be verified, so its presentation and amount are deleted.
            enrolments_before: enrolments of an earlier time are deleted.
        """
        for name, end in (
            ("sweep_presented", before),
            ("sweep_amounts", before),
            ("sweep_enrolments", enrolments_before),
        ):
            await in_batches(self._engine, partial(_sweep, name, end))

    async def trid(
        self, merchant_index: bytes, network: Network, candidate: Callable[[], TokenRequestorId]
    ) -> TokenRequestorId:
        """Return a merchant's token requestor id at a network; the first time, store a candidate that is free."""
        known = SQL["read_trid"](merchant_index=merchant_index, network=network.value)
        if rows := await self._engine.read(known):
            return str(rows[0][0])
        return await self._engine.commit(lambda: _take_trid(known, merchant_index, network, candidate))

    async def _one(self, statement: Statement) -> TokenRow | None:
        rows = await self._engine.read(statement)
        return TokenRow(*rows[0]) if rows else None

    async def _changed(self, statement: Statement) -> TokenChange | None:
        rows = await self._engine.commit(single_statement(statement))
        return TokenChange(*rows[0]) if rows else None

    async def _did(self, statement: Statement) -> bool:
        return bool(await self._engine.commit(single_statement(statement)))


def _insert(token: NewToken, now: int) -> Work[Rows]:
    yield SQL["expire_token"](card_index=token.card_index, now=now)
    if (yield SQL["is_former_number"](token_index=token.token_index)):
        return []
    values = token._asdict() | {"network": token.network.value}
    enrolment_id = values.pop("enrolment_id")
    rows = yield SQL["insert_token"](**values, now=now)
    if rows and enrolment_id:
        enrolment = {"enrolment_id": enrolment_id, "token_reference": token.token_reference}
        if not (yield SQL["insert_enrolment"](**enrolment, now=now)):
            raise TokenServiceUnavailableError(hint="the enrolment was closed before its token was created")
    return rows


def _close_enrolment(enrolment_id: str, now: int) -> Work[TokenReference | None]:
    # Write first. A token may be created for the enrolment at the same time, and both transactions insert the same
    # primary key. So one of them is first, and the other sees its row.
    yield SQL["insert_enrolment"](enrolment_id=enrolment_id, token_reference=None, now=now)
    rows = yield SQL["token_of_enrolment"](enrolment_id=enrolment_id)
    reference: TokenReference | None = rows[0][0]
    return reference


def _spend_bound(spend: Statement, amount: Amount, now: int) -> Callable[[], Work[Rows]]:
    def body() -> Work[Rows]:
        rows = yield spend
        for row in map(TokenRow._make, rows):
            yield SQL["bind_amount"](
                token_reference=row.token_reference,
                psn=row.psn,
                atc=row.atc,
                minor_units=amount.minor_units,
                currency=amount.currency,
                now=now,
            )
        return rows

    return body


def _take_trid(
    known: Statement, merchant_index: bytes, network: Network, candidate: Callable[[], TokenRequestorId]
) -> Work[TokenRequestorId]:
    while not (rows := (yield known)):
        yield SQL["insert_trid"](merchant_index=merchant_index, network=network.value, trid=candidate())
    return str(rows[0][0])


def _sweep(name: str, before: int, limit: int) -> Work[int]:
    return len((yield SQL[name](before=before, limit=limit)))
