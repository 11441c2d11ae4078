"""The emulator for unittest. It needs no pytest."""

from __future__ import annotations

import unittest
from functools import cached_property
from typing import ClassVar

from pytest_tokenvault.vault import TokenVault
from tokenvault_client import AsyncClient, Client


class TokenVaultMixin(unittest.TestCase):
    """Gives each test `self.token_vault`: one emulator for the class, reset for each test.

    It goes in front of other classes of test cases: `class CheckoutTest(TokenVaultMixin, LiveServerTestCase)`.
    """

    token_vault: ClassVar[TokenVault]

    @classmethod
    def setUpClass(cls) -> None:  # unittest's name
        """Start the emulator."""
        super().setUpClass()
        cls.token_vault = cls.enterClassContext(cls.new_token_vault())

    @classmethod
    def new_token_vault(cls) -> TokenVault:
        """Return the emulator that the class will have: override it for other options."""
        return TokenVault()

    def setUp(self) -> None:  # unittest's name
        """Reset the emulator."""
        super().setUp()
        self.token_vault.reset()

    @cached_property
    def token_vault_client(self) -> Client:
        """A client of the emulator that does not retry."""
        return self.enterContext(self.token_vault.client())

    @cached_property
    def async_token_vault_client(self) -> AsyncClient:
        """An asynchronous client of the emulator that does not retry."""
        return self.token_vault.async_client()
