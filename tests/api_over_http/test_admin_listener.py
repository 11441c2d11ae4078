"""The admin listener of both servers."""

from __future__ import annotations

import re

from tests.support.emulator_process import Emulator
from tests.support.http_client import Connection


def test_every_metric_is_listed_once(running: Emulator) -> None:
    with Connection(running.console_url.rstrip("/"), {}) as connection:
        text = connection.ask("GET", "/metrics").body.decode()
    names = re.findall(r"^# TYPE (\S+)", text, flags=re.MULTILINE)
    assert sorted(names) == sorted(set(names))
    assert {"tokenvault_unreadable_records_total", "tokenvault_audit_oldest_unsigned_seconds"} <= set(names)
    assert not re.search(r"\bpid=", text)
