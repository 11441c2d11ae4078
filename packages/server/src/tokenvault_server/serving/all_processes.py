"""The metrics of all processes of `serve` together: its own from memory, those of its workers from their files."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

_SUMS: Final = ("counter", "histogram")
_ENDED: Final = "ended"


class AllProcesses(Collector):
    """Shows each metric once, with the samples of all processes.

    Each worker opens the vault, and so makes the metrics of background tasks too, although it runs none of them. Those
    are left out. What every process has (`ProcessMetrics`) has a label for its role, so samples never coincide.
    """

    def __init__(self, directory: Path, background: CollectorRegistry, own: CollectorRegistry) -> None:
        """Join two registries of this process with the files of its workers in a directory."""
        self._directory = directory
        self._files = MultiProcessCollector(None, path=str(directory))  # type: ignore[no-untyped-call]  # nor prometheus
        self._background = background
        self._own = own
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        background = {metric.name: metric for metric in self._background.collect()}
        own = {metric.name: metric for metric in self._own.collect()}
        with self._lock:
            of_workers = list(self._files.collect())  # type: ignore[no-untyped-call]
        yield from background.values()
        for metric in of_workers:
            if metric.name not in background:
                metric.samples = _complete(metric.samples)
                if mine := own.pop(metric.name, None):
                    metric.samples = [*mine.samples, *metric.samples]
                yield metric
        yield from own.values()

    def forget(self, pid: int) -> None:
        """Keep what a process that ended had counted, and remove its files.

        A counter must not go back, and workers that end again and again must not fill the directory. Gauges end with
        their process.
        """
        with self._lock:
            for file in self._directory.glob(f"*_{pid}.db"):
                kind = file.name.partition("_")[0]
                if kind in _SUMS:
                    _add(file, self._directory / f"{kind}_{_ENDED}.db")
                file.unlink()


def _add(file: Path, sums: Path) -> None:
    """Add the values of one file to those of another."""
    kept = MmapedDict(str(sums))  # type: ignore[no-untyped-call]  # no types here
    try:
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(file)):  # type: ignore[no-untyped-call]
            before, _ = kept.read_value(key)  # type: ignore[no-untyped-call]
            kept.write_value(key, before + value, 0.0)  # type: ignore[no-untyped-call]
    finally:
        kept.close()  # type: ignore[no-untyped-call]


def _complete(samples: list[Sample]) -> list[Sample]:
    """Return samples without the histograms whose last bucket is missing: a worker is just adding them to its file."""
    in_buckets = {_labels(sample) for sample in samples if "le" in sample.labels}
    whole = {_labels(sample) for sample in samples if sample.labels.get("le") == "+Inf"}
    return [sample for sample in samples if _labels(sample) in whole or _labels(sample) not in in_buckets]


def _labels(sample: Sample) -> frozenset[tuple[str, str]]:
    return frozenset(sample.labels.items()) - {("le", sample.labels.get("le", ""))}
