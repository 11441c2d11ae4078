"""`TokenVault`, the context manager on which the fixtures and the mixin stand."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import unittest
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_tokenvault import TokenVault, TokenVaultMixin
from tests.support.webhook_listener import listening
from tokenvault_client import AuthenticationError, Client, UpstreamError
from tokenvault_server.embedded import ControlError

LISTED = "XXXXXXXXXXXX2123"


@pytest.fixture(scope="module")
def shared() -> Iterator[TokenVault]:
    with TokenVault() as vault:
        yield vault


@pytest.fixture
def vault(shared: TokenVault) -> TokenVault:
    shared.reset()
    return shared


def test_a_saved_card_is_gone_after_a_reset_and_credentials_stay(vault: TokenVault) -> None:
    with vault.client() as client:
        vault.save_card("asha")
        assert [card.instrument_display for card in client.fetch_instruments("asha").data] == [LISTED]
        vault.reset()
        assert client.fetch_instruments("asha").data == ()


def test_a_card_is_saved_at_the_time_of_the_emulator(vault: TokenVault) -> None:
    vault.clock.advance(days=20 * 365)
    assert vault.save_card("asha").is_payable(vault.clock.now())


def test_a_magic_holder_name_has_the_error_of_the_client(vault: TokenVault) -> None:
    with pytest.raises(UpstreamError):
        vault.save_card("asha", holder="TSP DOWN")


def test_a_seed_saves_cards_without_calls(vault: TokenVault) -> None:
    vault.seed({"customers": [{"id": "asha"}]})
    assert [card.customer_id for card in vault.cards.list()] == ["asha"]
    assert vault.requests.find() == []


def test_webhooks_are_verified_fired_and_sent_again(vault: TokenVault) -> None:
    card = vault.save_card("asha")
    vault.clock.advance(days=30)
    fired = vault.webhooks.fire("INSTRUMENT_UPDATED_WEBHOOK", instrument=card.instrument_id)
    assert fired.instrument
    assert fired.instrument.instrument_id == card.instrument_id
    assert vault.webhooks.resend().body == fired.body
    assert [each.attempt for each in vault.webhooks.all("INSTRUMENT_UPDATED_WEBHOOK")] == [1, 2]
    assert "asha" not in repr(fired)
    vault.webhooks.clear()
    assert vault.webhooks.all() == []


def test_a_webhook_that_does_not_come_is_named_with_those_that_came(vault: TokenVault) -> None:
    vault.save_card("asha")
    with pytest.raises(TimeoutError, match=r"0 of 1 webhooks .*'INSTRUMENT_ACTIVE_WEBHOOK delivered"):
        vault.webhooks.wait_for("INSTRUMENT_FAILED_WEBHOOK", timeout=0)


def test_webhooks_reach_a_server_too(vault: TokenVault) -> None:
    with listening() as receiver:
        vault.webhooks.send_to(receiver.url)
        vault.save_card("asha")
        webhook = vault.webhooks.wait_for("INSTRUMENT_ACTIVE_WEBHOOK")
        assert receiver.next().body == webhook.body
        assert (webhook.url, webhook.outcome) == (receiver.url, "delivered")


def test_the_outcome_is_what_the_server_answered(vault: TokenVault) -> None:
    with listening() as receiver:
        receiver.status = 500
        vault.webhooks.send_to(receiver.url)
        vault.save_card("asha")
        assert vault.webhooks.wait_for("INSTRUMENT_ACTIVE_WEBHOOK").outcome != "delivered"
        receiver.status = 200
        vault.clock.advance(minutes=5)
        again = vault.webhooks.wait_for("INSTRUMENT_ACTIVE_WEBHOOK", outcome="delivered")
    assert again.attempt == 2


def test_an_error_of_the_emulator_points_at_the_test_and_says_what_is_right(vault: TokenVault) -> None:
    with pytest.raises(ControlError, match=r"allowed: .*fetch_cryptogram") as error:
        vault.faults.add(operation="cryptogram", status=429)
    assert "dispatch.py" not in {path.path.name for path in error.traceback if isinstance(path.path, Path)}


def test_an_asynchronous_client_works_in_one_event_loop_after_the_other(vault: TokenVault) -> None:
    client = vault.async_client()

    async def two_at_once() -> int:
        both = await asyncio.gather(client.fetch_instruments("asha"), client.fetch_instruments("ravi"))
        return len(both)

    assert [asyncio.run(two_at_once()) for _ in range(2)] == [2, 2]


def test_it_starts_and_stops_in_an_event_loop_and_shows_no_secret() -> None:
    async def start() -> tuple[str, str]:
        vault = TokenVault()
        assert repr(vault) == "TokenVault(not started)"
        async with vault:
            return repr(vault), vault.base_url

    shown, base_url = asyncio.run(start())
    assert shown == f"TokenVault({base_url})"


def test_its_environment_has_no_other_host_and_no_other_caller(vault: TokenVault) -> None:
    found = vault.environment({"PATH": "/bin", "CASHFREE_ENVIRONMENT": "production", "CASHFREE_PARTNER_API_KEY": "k"})
    assert found == {"PATH": "/bin", **vault.variables}
    with Client.from_env(found) as client:
        assert client.fetch_instruments("asha").data == ()
    with Client.from_env(found | {"CASHFREE_CLIENT_SECRET": "wrong"}) as client, pytest.raises(AuthenticationError):
        client.fetch_instruments("asha")


class Order(TokenVaultMixin):
    """Two tests that would disturb each other without a reset."""

    __test__ = False  # the test below runs it

    def test_one_card_is_listed(self) -> None:
        self.token_vault.save_card("asha")
        assert len(self.token_vault_client.fetch_instruments("asha").data) == 1

    test_one_card_is_listed_again = test_one_card_is_listed


def test_the_mixin_resets_for_each_test_of_unittest() -> None:
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Order).run(result)
    assert (result.testsRun, result.errors, result.failures) == (2, [], [])


def test_the_context_manager_and_the_mixin_need_no_pytest_and_the_plugin_loads_nothing() -> None:
    program = (
        "import sys, pytest_tokenvault.plugin\n"
        "assert not [name for name in sys.modules if name.startswith(('tokenvault_', 'msgspec', 'cashfree_pg'))]\n"
        "for name in [name for name in sys.modules if name.partition('.')[0] in {'pytest', '_pytest'}]:\n"
        "    del sys.modules[name]\n"
        "sys.modules['pytest'] = sys.modules['_pytest'] = None\n"
        "from pytest_tokenvault import TokenVault, TokenVaultMixin\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
