"""Providers keep the contract: the built-in one on both databases, and one that differs wherever it may."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.server.tsp.contract import TspContract
from tests.support.clock import SettableClock
from tests.support.second_tsp import SecondTsp
from tokenvault_server.bootstrap import Vault
from tokenvault_server.domain.network_token import TokenReference
from tokenvault_server.tsp.local.issuer import LocalTokenService


@dataclass
class LocalSubject:
    """The built-in provider: its tokens are active at once."""

    provider: LocalTokenService
    clock: SettableClock

    async def activate(self) -> None:
        """Do nothing."""

    async def suspend(self, reference: TokenReference) -> None:
        await self.provider.issuer.suspend(reference)

    async def resume(self, reference: TokenReference) -> None:
        await self.provider.issuer.resume(reference)

    async def deactivate(self, reference: TokenReference) -> None:
        await self.provider.issuer.deactivate(reference)

    async def rotate(self, reference: TokenReference) -> None:
        await self.provider.issuer.rotate(reference)


@dataclass
class SecondSubject:
    """The second provider, which keeps everything in memory."""

    provider: SecondTsp
    clock: SettableClock

    async def activate(self) -> None:
        self.provider.activate()

    async def suspend(self, reference: TokenReference) -> None:
        self.provider.suspend(reference)

    async def resume(self, reference: TokenReference) -> None:
        self.provider.resume(reference)

    async def deactivate(self, reference: TokenReference) -> None:
        self.provider.deactivate(reference)

    async def rotate(self, reference: TokenReference) -> None:
        self.provider.rotate(reference)


class TestLocal(TspContract):
    @pytest.fixture
    def subject(self, vault: Vault, clock: SettableClock) -> LocalSubject:
        return LocalSubject(vault.token_service, clock)


class TestSecond(TspContract):
    @pytest.fixture
    def subject(self, clock: SettableClock) -> SecondSubject:
        return SecondSubject(SecondTsp(clock), clock)
