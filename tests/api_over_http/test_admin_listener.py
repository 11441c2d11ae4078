"""The admin listener of both servers."""

from __future__ import annotations

from tests.support.emulator_process import Emulator
from tests.support.exposition import assert_well_formed, scraped


def test_metrics_are_well_formed_and_have_the_labels_of_their_page(running: Emulator) -> None:
    assert running.ask("GET", "/no/such/path")[0] == 404
    families = assert_well_formed(scraped(running))
    assert families.keys() >= {"tokenvault_webhook_attempt_seconds", "tokenvault_audit_oldest_unsigned_seconds"}
