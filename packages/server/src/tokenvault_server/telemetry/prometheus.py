"""What prometheus_client is told once, and what it lacks."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Histogram, disable_created_metrics

# Files of worker processes have no times of creation. Without them the emulator shows the metrics that `serve` shows.
disable_created_metrics()  # type: ignore[no-untyped-call]  # no types here


def add_observations(histogram: Histogram, counts: Iterable[int], total: float) -> None:
    """Add so many observations to each bucket, and their sum; the two fields are what `observe` changes."""
    histogram._sum.inc(total)  # noqa: SLF001  # prometheus_client cannot add many observations at once
    for bucket, count in zip(histogram._buckets, counts, strict=True):  # noqa: SLF001  # the same
        if count:
            bucket.inc(count)
