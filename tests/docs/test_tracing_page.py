"""The commands of the page on traces work as printed, with the receiver that the page writes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import FENCE, NOT_TYPED, Reader, assert_shown, blocks, free_port, reading
from tests.repository import tree

PAGE = "docs/how-to/trace-calls.md"


@pytest.mark.system  # as those of the other pages
def test_the_commands_of_the_page_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")  # instead of the page's five seconds
    with reading(tmp_path) as reader:
        printed = ""
        for block in blocks(PAGE):
            if block.language == "sh" and not NOT_TYPED.search(block.text):
                printed = reader.type(block.text.replace("4318", port))
            elif block.language == "text":
                assert_shown(block, printed)
            elif block.language == "python":
                exec(compile(block.text, PAGE, "exec"), _connected(reader, monkeypatch))
    assert capsys.readouterr().out == "200\n"


def _connected(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Set what an emulator's reader exports for the client; return an empty namespace."""
    for name, field in (("BASE_URL", "base_url"), ("CLIENT_ID", "client_id"), ("CLIENT_SECRET", "client_secret")):
        monkeypatch.setenv(f"CASHFREE_{name}", reader.type(f"field {field}").strip())
    return {}


def test_the_page_names_the_ports_and_times_that_the_sdk_has() -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import DEFAULT_ENDPOINT

    page = FENCE.sub("", tree.text(tree.ROOT / PAGE))
    assert DEFAULT_ENDPOINT.rstrip("/") in page
    assert re.search(r"spans wait \(2048\), and for how many milliseconds \(5000\)", page)
