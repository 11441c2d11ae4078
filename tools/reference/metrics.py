"""The page of metrics."""

from __future__ import annotations

from typing import Any

from tokenvault_contract.operations import OPERATIONS
from tokenvault_server.telemetry.metrics import BackgroundMetrics, Metrics
from tools.reference.markdown import NOTE, assembled, prose, table


def page() -> str:
    """Give the page of metrics."""
    metrics = Metrics()
    metrics.call(OPERATIONS[0].key, OPERATIONS[0].success, 0.001)
    loops = BackgroundMetrics()
    loops.attempt("delivered", 0.1)
    rows = [
        [f"`{family.name}`", family.type, ", ".join(f"`{label}`" for label in _labels(family)), family.documentation]
        for registry in (metrics.registry, loops.registry)
        for family in registry.collect()
    ]
    operations = ", ".join(f"`{operation.key}`" for operation in OPERATIONS)
    parts = [
        "# Metrics",
        NOTE,
        "`GET /metrics` on the admin listener, in Prometheus' text format. No id is ever a label.",
        table(["name", "type", "labels", "meaning"], rows),
        prose(
            f"`operation` is one of {operations}, or `unrouted` for a call that fits none of them. `outcome` is",
            "`delivered` or what stood in the way ([which words there are](../how-to/receive-webhooks.md#outcomes)). A",
            "counter is shown with `_total` at the end of its name.",
        ),
    ]
    return assembled(parts)


def _labels(family: Any) -> list[str]:  # noqa: ANN401  # a prometheus metric family
    found = {label for sample in family.samples for label in sample.labels}
    return sorted(found - {"le"})
