"""The state of an emulator as a value. It is taken at the start, so it imports nothing of the control plane."""

from __future__ import annotations

from tokenvault_server.bootstrap.emulator_parts import EmulatorParts
from tokenvault_server.database.engine import ImageEngine
from tokenvault_server.database.tracing import TracedEngine
from tokenvault_server.emulator.snapshots import Parts, States
from tokenvault_server.errors import StoreError


def states(emulator: EmulatorParts) -> States:
    """Return the emulator's state as a value."""
    vault, steered = emulator.vault, emulator.steered
    engines: dict[str, ImageEngine] = {}
    for name, wrapped in emulator.engines.items():
        engine = wrapped.inner if isinstance(wrapped, TracedEngine) else wrapped
        if not isinstance(engine, ImageEngine):
            raise StoreError("an emulator's databases must be ones that can be reset")
        engines[name] = engine

    async def follow_anchor() -> None:
        if (await vault.audit.anchor.compare()).is_wrong:
            await vault.audit.anchor.create()

    parts = Parts(
        engines=engines,
        clock=steered.clock,
        rules=steered.rules,
        source=steered.source,
        checkpoints=vault.audit.checkpoints,
        task_count=emulator.task_count,
        idle=emulator.app.idle,
        forget=emulator.forget,
        end_waits=steered.interception.end_waits,
        follow_anchor=follow_anchor,
    )
    return States(parts, vault.vault_id, emulator.key_check)
