"""A real Prometheus, and our alerts in it, with times short enough for a test."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from tests.repository import tree
from tests.support.served_process import free_port

ALERTS: Final = tree.ROOT / "deploy/prometheus/alerts.yml"
SCENARIOS: Final = ALERTS.with_name("scenarios.yml")
SECONDS: Final = 45
TRY_AGAIN_SECONDS: Final = 0.1
WINDOW: Final = "15s"
"""The range of a shortened alert. Workers write some figures every 5 seconds."""

_CONFIG: Final = """\
global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
rule_files: [{rules}]
scrape_configs:
  - job_name: tokenvault
    static_configs: [{{targets: {targets}}}]
"""


@contextmanager
def prometheus(folder: Path, targets: list[str], rules: str = "") -> Iterator[str]:
    """Run a Prometheus that scrapes the addresses; yield its URL."""
    (folder / "rules.yml").write_text(rules or "groups: []")
    config = folder / "prometheus.yml"
    config.write_text(_CONFIG.format(targets=json.dumps(targets), rules=folder / "rules.yml"))
    address = f"127.0.0.1:{free_port()}"
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder}",
        f"--web.listen-address={address}",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://{address}"
        finally:
            process.terminate()


def shortened(rules: str) -> str:
    """Return rules that fire at once, over the last seconds."""
    return re.sub(r"\[\d+[mh]\]", f"[{WINDOW}]", re.sub(r"^ *for: .*\n", "", rules, flags=re.MULTILINE))


def labels(url: str, query: str, label: str) -> set[str]:
    """Return the values of a label in the result of a query."""
    return {each["metric"][label] for each in answer(url, query)}


def until_found(url: str, query: str, label: str, wanted: set[str]) -> set[str]:
    """Return the values of a label in the result of a query, once all that are wanted are there, or at the latest."""
    never, found = Event(), set[str]()
    for _ in range(int(SECONDS / TRY_AGAIN_SECONDS)):
        found = labels(url, query, label)
        if wanted <= found:
            break
        never.wait(TRY_AGAIN_SECONDS)
    return found


def answer(url: str, query: str) -> list[Any]:
    """Return the result of a query."""
    try:
        with urlopen(f"{url}/api/v1/query?query={quote(query)}", timeout=SECONDS) as reply:
            result: list[Any] = json.load(reply)["data"]["result"]
            return result
    except URLError:
        return []  # Prometheus is not ready yet


def firing(url: str) -> dict[str, dict[str, str]]:
    """Return the texts of the alerts that fire now, by name."""
    with urlopen(f"{url}/api/v1/alerts", timeout=SECONDS) as reply:
        alerts = json.load(reply)["data"]["alerts"]
    return {each["labels"]["alertname"]: each["annotations"] for each in alerts if each["state"] == "firing"}
