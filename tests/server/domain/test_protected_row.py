"""A tag covers the same columns in every release while later columns have their defaults: releases share rows."""

from __future__ import annotations

from tokenvault_server.domain import protected_row
from tokenvault_server.domain.credential import CredentialKind, StoredCredential
from tokenvault_server.domain.identifiers import ClientId, CustomerId, InstrumentId, MerchantId, PartnerId
from tokenvault_server.domain.instrument import Instrument, InstrumentStatus
from tokenvault_server.domain.merchant import AccountState, Merchant, Partner, PartnerLink
from tokenvault_server.domain.protected_row import Content, RowKind
from tokenvault_server.domain.rate_limit import OwnLimit
from tokenvault_server.domain.webhook import Endpoint

MERCHANT, PARTNER, CHAIN = MerchantId("mer_1"), PartnerId("par_1"), "vlt_1"
OF_RELEASE_0_1: dict[RowKind, Content] = {
    RowKind.MERCHANT: ("Shop", "cli_1", 5),
    RowKind.MERCHANT_SECRET: (MERCHANT, b"digest", 5, None, None),
    RowKind.PARTNER: ("Platform", 5),
    RowKind.PARTNER_KEY: (PARTNER, b"digest", 5, None, None),
    RowKind.PARTNER_LINK: (5,),
    RowKind.RATE_LIMIT: (7,),
    RowKind.WEBHOOK_ENDPOINT: (None, "https://shop.example", 5),
    RowKind.INSTRUMENT: (
        *("asha", "ACTIVE", 5, None, "local", "2123", "visa", "Bank", "IN", "debit", "retail", "uid", b"index", 1),
        None,
    ),
}
"""The content of each kind, without the columns of later releases."""


def test_a_row_at_its_defaults_has_the_content_of_the_first_release() -> None:
    instrument = Instrument(
        MERCHANT, CustomerId("asha"), InstrumentId("i1"), InstrumentStatus.ACTIVE, 5, None, "local", "2123", "visa",
        "Bank", "IN", "debit", "retail", "uid", b"index", 1, b"sealed",
    )  # fmt: skip
    rows = [
        protected_row.of_merchant(Merchant(MERCHANT, "Shop", ClientId("cli_1"), 5)),
        protected_row.of_credential(
            StoredCredential(CredentialKind.MERCHANT_SECRET, MERCHANT, "sec_1", b"digest", 5), MERCHANT
        ),
        protected_row.of_partner(Partner(PARTNER, "Platform", 5), CHAIN),
        protected_row.of_credential(
            StoredCredential(CredentialKind.PARTNER_KEY, PARTNER, "key_1", b"digest", 5), CHAIN
        ),
        protected_row.of_link(PartnerLink(MERCHANT, PARTNER, 5)),
        protected_row.of_limit(OwnLimit(MERCHANT, "fetch_instrument", 7)),
        protected_row.of_endpoint(Endpoint(MERCHANT, "end_1", None, "https://shop.example", 5)),
        protected_row.of_instrument(instrument),
    ]
    assert {row.identity.kind: row.content for row in rows} == OF_RELEASE_0_1
    assert OF_RELEASE_0_1.keys() == set(RowKind)


def test_a_later_column_that_is_used_comes_last() -> None:
    suspended = Merchant(MERCHANT, "Shop", ClientId("cli_1"), 5, AccountState.SUSPENDED, 9)
    assert protected_row.of_merchant(suspended).content == (*OF_RELEASE_0_1[RowKind.MERCHANT], "suspended", 9)
