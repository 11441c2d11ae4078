"""What the audit trail says of backups and restores."""

from __future__ import annotations

from typing import Final

from tokenvault_server.database.engine import Engine
from tokenvault_server.domain.audit import Action, AuditEntry
from tokenvault_server.vault.audit import AuditTrail

ACTOR: Final = "cli"


async def record_backup(engine: Engine, audit: AuditTrail, at: int, backup_id: str, recovery_key: str) -> None:
    """Record that a backup begins, and sign it: the copy that is about to be made has this entry too."""
    details: dict[str, int | str] = {"backup_id": backup_id, "recovery_key": recovery_key}
    entry = AuditEntry(at=at, action=Action.VAULT_BACKED_UP, actor=ACTOR, details=details)
    await engine.commit(lambda: audit.append(audit.own_chain, entry))
    await audit.checkpoint()


async def record_restore(engine: Engine, audit: AuditTrail, at: int, details: dict[str, int | str]) -> None:
    """Record a restore in the restored vault, sign everything, and make a new anchor over whatever there was."""
    was = await audit.anchor.compare()
    entry = AuditEntry(at=at, action=Action.VAULT_RESTORED, actor=ACTOR, details={**details, "anchor_was": was.value})
    await engine.commit(lambda: audit.append(audit.own_chain, entry))
    await audit.checkpoints.sign_all()
    await audit.anchor.create()
