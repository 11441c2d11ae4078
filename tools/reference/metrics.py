"""The page of metrics."""

from __future__ import annotations

from typing import Any

from tokenvault_contract.operations import OPERATIONS
from tokenvault_server.telemetry.background_metrics import BackgroundMetrics
from tokenvault_server.telemetry.metrics import Metrics
from tokenvault_server.telemetry.process_metrics import ProcessMetrics
from tokenvault_server.telemetry.store_counts import Failure, Pool, StoreCounts
from tools.reference.markdown import NOTE, assembled, prose, table

_FAILURES = {
    Failure.CONNECTION_LOST: "The server cannot be reached, refuses the connection, or a connection broke.",
    Failure.POOL_EXHAUSTED: "A call waited too long for one of the `store_connections`.",
    Failure.TIMEOUT: "A statement, or the lock that it waited for, took too long.",
    Failure.CONFLICT: "A deadlock, or another conflict between transactions. The transaction is repeated.",
    Failure.LOCKED: "Another process has locked the SQLite file.",
    Failure.READ_ONLY: "The database accepts no writes: it is a standby, or was set so.",
    Failure.DISK_FULL: "The database has no space left, on its disk or in its memory.",
    Failure.DAMAGED: "The disk failed, or the file is corrupt, is not a database, or cannot be opened.",
    Failure.OTHER: "Anything else; the log has the type of the error.",
}


def page() -> str:
    """Return the page of metrics."""
    metrics = Metrics()
    metrics.call(OPERATIONS[0].key, OPERATIONS[0].success, 0.001)
    metrics.circuit("local.provision", "closed")
    background = BackgroundMetrics()
    background.attempt("delivered", 0.1)
    background.ready("database", is_good=True)
    background.key_times.key("vault", "record", 0)
    background.key_times.master_key(0)
    process = ProcessMetrics("worker")
    process.watch_store("vault", StoreCounts(), lambda: Pool(1, 1, 0, 0))
    process.watch_task("Deliveries.start_due")
    rows = [
        [f"`{family.name}`", family.type, ", ".join(f"`{label}`" for label in _labels(family)), family.documentation]
        for registry in (metrics.registry, background.registry, process.registry)
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
            "is exhausted. `scope` is `merchant` or `address`. `circuit` is a provider and one of its operations, such",
            "as `local.provision`. `outcome` is `delivered` or the reason of the failure ([all",
            "outcomes](../how-to/receive-webhooks.md#outcomes)). The listener adds `_total` to the name of a counter.",
        ),
        prose(
            "`check` is `database` (it can be read), `database_writes`, `own_keys`, `master_key`, or `workers` (a",
            "worker process of `serve` listens for calls). `store` is `vault` for the vault's own database, or the",
            "name of a built-in token service. `role` is `worker` for the processes of `serve` that answer calls,",
            "together; `parent` for the process with the admin listener and the background tasks; or `emulator`.",
            "`task` is the name that log lines have. `purpose` is a purpose of [the key",
            "hierarchy](../explanation/key-hierarchy.md). `kind` is one of these:",
        ),
        table(["kind", "meaning"], [[f"`{failure.value}`", _FAILURES[failure]] for failure in Failure]),
        prose(
            "A server measures its queues and key ages every 15 seconds, the lag of webhooks every 60. All servers of",
            "a vault report the same queues and keys, so use `max` over them, not `sum`. Workers write their own",
            "figures every 5 seconds. Counters keep what workers that ended had counted.",
        ),
    ]
    return assembled(parts)


def _labels(family: Any) -> list[str]:  # noqa: ANN401  # a prometheus metric family
    found = {label for sample in family.samples for label in sample.labels}
    return sorted(found - {"le"})
