"""The page of metrics."""

from __future__ import annotations

from typing import Any

from tokenvault_contract.operations import OPERATIONS
from tokenvault_server.telemetry.metrics import BackgroundMetrics, Metrics
from tools.reference.markdown import NOTE, assembled, prose, table


def page() -> str:
    """Return the page of metrics."""
    metrics = Metrics()
    metrics.call(OPERATIONS[0].key, OPERATIONS[0].success, 0.001)
    metrics.circuit("local.provision", "closed")
    background = BackgroundMetrics()
    background.attempt("delivered", 0.1)
    rows = [
        [f"`{family.name}`", family.type, ", ".join(f"`{label}`" for label in _labels(family)), family.documentation]
        for registry in (metrics.registry, background.registry)
        for family in registry.collect()
    ]
    operations = ", ".join(f"`{operation.key}`" for operation in OPERATIONS)
    parts = [
        "# Metrics",
        NOTE,
        "`GET /metrics` on the admin listener returns them in Prometheus' text format. No label contains an id.",
        table(["name", "type", "labels", "meaning"], rows),
        prose(
            f"`operation` is one of {operations}, or `unrouted` for a call that matches none of them, or whose address",
            "is exhausted. `circuit` is a provider and one of its operations, such as `local.provision`. `outcome` is",
            "`delivered` or the reason of the failure ([all",
            "outcomes](../how-to/receive-webhooks.md#outcomes)). The listener adds `_total` to the name of a counter.",
        ),
    ]
    return assembled(parts)


def _labels(family: Any) -> list[str]:  # noqa: ANN401  # a prometheus metric family
    found = {label for sample in family.samples for label in sample.labels}
    return sorted(found - {"le"})
