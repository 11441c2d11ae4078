"""The code blocks of the page on the client run as printed, against an emulator."""

from __future__ import annotations

from typing import Any

import pytest

from tests.docs.pages import blocks
from tests.support.emulator_process import emulator

PAGE = "docs/how-to/use-the-python-client.md"


def test_the_blocks_of_the_page_run_in_order(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with emulator() as running:
        monkeypatch.setenv("CASHFREE_BASE_URL", running.base_url)
        monkeypatch.setenv("CASHFREE_CLIENT_ID", running.client_id)
        monkeypatch.setenv("CASHFREE_CLIENT_SECRET", running.client_secret)
        namespace: dict[str, Any] = {}
        for block in blocks(PAGE):
            if block.language == "python":
                exec(compile(block.text, PAGE, "exec"), namespace)
    printed = capsys.readouterr().out
    assert "XXXXXXXXXXXX2123 True" in printed
    assert "Cryptogram(instrument_id=" in printed
    assert "[0, 0]" in printed
    assert "the card is gone: instrument_not_found" in printed
    assert "INSTRUMENT_ACTIVE_WEBHOOK" in printed
