"""A strict reader of Prometheus' text format, and what every scrape of our servers must be.

Prometheus itself is lenient: it takes a series twice and keeps one of the values. So this counts lines, too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import groupby, pairwise

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.repository import tree
from tests.support.emulator_process import Emulator
from tests.support.http_client import Connection
from tools import reference

_ROW = re.compile(r"^\| `(tokenvault_\w+)` \| (\w+) \| ([^|]*) \|", re.MULTILINE)
_NAME = re.compile(r"^(?:# (?:HELP|TYPE) )?(\w+)")
_PARTS = ("_bucket", "_sum", "_count")


def scraped(running: Emulator) -> str:
    """Return what the admin listener of a server gives Prometheus."""
    with Connection(running.console_url.rstrip("/"), {}) as connection:
        answer = connection.ask("GET", "/metrics", headers={"accept": "text/plain;version=0.0.4"})
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.body.decode()


def assert_well_formed(text: str) -> dict[str, Metric]:
    """Check the text line by line, and its metrics against the page of metrics; return the metrics by name."""
    assert text.endswith("\n")
    lines = text.splitlines()
    headers = Counter(" ".join(line.split(" ", 3)[:3]) for line in lines if line[:1] == "#")
    series = Counter(line.rpartition(" ")[0] for line in lines if line[:1] != "#")
    assert _repeated(headers) == []
    assert _repeated(series) == []
    families = {family.name: family for family in text_string_to_metric_families(text)}
    # Every metric has a HELP, a TYPE and then all of its samples in one place.
    found = [name for name, _ in groupby(_family_of(line, families) for line in lines)]
    assert _repeated(Counter(found)) == []
    assert len(headers) == 2 * len(found)
    documented = {
        name: (kind, set(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels in _ROW.findall(tree.text(reference.FOLDER / "metrics.md"))
    }
    for name, family in families.items():
        kind, labels = documented[name]
        assert family.type == kind, name
        for sample in family.samples:
            assert sample.labels.keys() - {"le"} == labels, sample
    for family in families.values():
        if family.type == "histogram":
            _assert_cumulative(family)
    return families


def value_of(families: dict[str, Metric], sample: str, **labels: str) -> float:
    """Return the sum of the samples of that name with those labels, among others."""
    return sum(
        each.value
        for family in families.values()
        for each in family.samples
        if each.name == sample and labels.items() <= each.labels.items()
    )


def _repeated(counts: Counter[str]) -> list[str]:
    return [name for name, count in counts.items() if count > 1]


def _family_of(line: str, families: Iterable[str]) -> str:
    found = _NAME.match(line)
    assert found, line
    name = found[1]
    bases = (name, *(name.removesuffix(part) for part in (*_PARTS, "_total")))
    return next(base for base in bases if base in families)


def _assert_cumulative(family: Metric) -> None:
    buckets = [sample for sample in family.samples if sample.name.endswith("_bucket")]
    for one, other in pairwise(buckets):
        if {**one.labels, "le": ""} == {**other.labels, "le": ""}:
            assert float(one.labels["le"]) < float(other.labels["le"])
            assert one.value <= other.value
    for count in (sample for sample in family.samples if sample.name.endswith("_count")):
        last = next(each for each in buckets if each.labels == {**count.labels, "le": "+Inf"})
        assert last.value == count.value
