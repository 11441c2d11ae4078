"""Rows that an attacker who can write to the database would change: their identity and what their tags cover.

A protected row decides what a caller may do, or shows a saved card. What changes with every call, such as the time of
the last use, the queue of an endpoint or the number of cryptograms, is not covered.

A column that is added later comes last in its content, and is left out while it has its default: then the tags of older
rows stay valid.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Generic, NamedTuple, TypeVar

from tokenvault_server.domain.credential import CredentialKind, StoredCredential
from tokenvault_server.domain.instrument import Instrument
from tokenvault_server.domain.merchant import AccountState, Merchant, Partner, PartnerLink
from tokenvault_server.domain.rate_limit import OwnLimit
from tokenvault_server.domain.webhook import Endpoint

T = TypeVar("T")

Content = tuple[str | int | bytes | None, ...]


class RowKind(StrEnum):
    """The kind of a protected row. Its value is stored and covered by the tag."""

    MERCHANT = "merchant"
    MERCHANT_SECRET = "merchant_secret"
    PARTNER = "partner"
    PARTNER_KEY = "partner_key"
    PARTNER_LINK = "partner_link"
    RATE_LIMIT = "rate_limit"
    WEBHOOK_ENDPOINT = "webhook_endpoint"
    INSTRUMENT = "instrument"


_INSTRUMENT: Final = RowKind.INSTRUMENT


class RowId(NamedTuple):
    """The identity of a protected row."""

    chain: str
    """The audit chain that records its changes: the merchant's, or the vault's for partners and their keys."""
    kind: RowKind
    row_id: str

    @property
    def name(self) -> str:
        """The kind and the id, as audit entries and findings name the row within its chain."""
        return f"{self.kind.value}/{self.row_id}"


class ProtectedRow(NamedTuple):
    """A row with the content that its tag covers."""

    identity: RowId
    content: Content


class Tagged(NamedTuple, Generic[T]):
    """Something that was read from a protected row, with the row's tag: None if the row has none."""

    value: T
    tag: bytes | None


def of_merchant(merchant: Merchant) -> ProtectedRow:
    """Return what a merchant's tag covers."""
    identity = RowId(merchant.merchant_id, RowKind.MERCHANT, merchant.merchant_id)
    return ProtectedRow(identity, (merchant.name, merchant.client_id, merchant.created_at, *_state(merchant)))


def of_credential(credential: StoredCredential, chain: str) -> ProtectedRow:
    """Return what the tag of a merchant's secret or a partner's key covers. Its text is sealed, and bound to its id."""
    kind = RowKind.MERCHANT_SECRET if credential.kind is CredentialKind.MERCHANT_SECRET else RowKind.PARTNER_KEY
    content = (
        credential.owner,
        credential.digest,
        credential.created_at,
        credential.expires_at,
        credential.revoked_at,
    )
    return ProtectedRow(RowId(chain, kind, credential.credential_id), content)


def of_partner(partner: Partner, chain: str) -> ProtectedRow:
    """Return what a partner's tag covers."""
    identity = RowId(chain, RowKind.PARTNER, partner.partner_id)
    return ProtectedRow(identity, (partner.name, partner.created_at, *_state(partner)))


def of_link(link: PartnerLink) -> ProtectedRow:
    """Return what the tag of a partner's right to act for a merchant covers."""
    return ProtectedRow(RowId(link.merchant_id, RowKind.PARTNER_LINK, link.partner_id), (link.created_at,))


def of_limit(limit: OwnLimit) -> ProtectedRow:
    """Return what the tag of a merchant's own limit covers."""
    return ProtectedRow(RowId(limit.merchant_id, RowKind.RATE_LIMIT, limit.operation), (limit.per_minute,))


def of_endpoint(endpoint: Endpoint) -> ProtectedRow:
    """Return what the tag of a webhook endpoint covers."""
    identity = RowId(endpoint.merchant_id, RowKind.WEBHOOK_ENDPOINT, endpoint.endpoint_id)
    return ProtectedRow(identity, (endpoint.partner_id, endpoint.url, endpoint.created_at))


def of_instrument(instrument: Instrument) -> ProtectedRow:
    """Return what a saved card's tag covers: all that is in the clear. The sealed record is bound to `row_version`."""
    # By position and without constructors, because every call makes one. The slice is from the status to the version.
    identity = tuple.__new__(RowId, (instrument[0], _INSTRUMENT, instrument[2]))
    return tuple.__new__(ProtectedRow, (identity, (instrument[1], *instrument[3:16], instrument[17])))


def _state(account: Merchant | Partner) -> Content:
    """Return the columns that were added later, which are left out while they have their defaults."""
    if account.state is AccountState.ACTIVE and account.state_at is None:
        return ()
    return (account.state.value, account.state_at)
