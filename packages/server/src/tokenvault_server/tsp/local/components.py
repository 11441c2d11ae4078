"""The components that issuing, verifying and provisioning share."""

from __future__ import annotations

from dataclasses import dataclass

from tokenvault_server.domain.clock import Clock
from tokenvault_server.keys.keyring import Keyring
from tokenvault_server.keys.opening import RecordOpener
from tokenvault_server.tsp.local.inbox import Inbox
from tokenvault_server.tsp.local.issuer_keys import IssuerKeys
from tokenvault_server.tsp.local.policy import IssuerPolicy
from tokenvault_server.tsp.local.ranges import CardRanges
from tokenvault_server.tsp.local.records import CardRecords
from tokenvault_server.tsp.local.tokens import TokenTable


@dataclass(frozen=True, slots=True, repr=False)
class Components:
    """The tables, keys and settings of one local token service."""

    tokens: TokenTable
    records: CardRecords
    issuer_keys: IssuerKeys
    keyring: Keyring
    opener: RecordOpener
    ranges: CardRanges
    policy: IssuerPolicy
    clock: Clock
    inbox: Inbox
