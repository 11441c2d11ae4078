"""The `keys` and `vault` tables. The vault's database and the local token service's have them, each its own."""

from __future__ import annotations

from collections.abc import Sequence

from tokenvault_server.database import queries
from tokenvault_server.database.engine import Engine, Row, Work
from tokenvault_server.domain.keys import KeyChange, KeyState, NewKey, Purpose, WrappedKey

_PAGE = 500
SQL = queries.load("tokenvault_server.database", "key_table.sql")


class KeyTable:
    """Reads wrapped keys."""

    def __init__(self, engine: Engine) -> None:
        """Use the key table of `engine`."""
        self._engine = engine

    async def of(self, purpose: Purpose, owner: str) -> list[WrappedKey]:
        """Return the keys of one purpose and owner, newest version first."""
        rows = await self._engine.read(SQL["keys_of"](purpose=purpose.value, owner=owner))
        return [wrapped_key(row) for row in rows]

    async def newest_active(self, purpose: Purpose, owner: str) -> int | None:
        """Return the id of the newest active key of one purpose and owner, or None after the same work."""
        rows = await self._engine.read(SQL["newest_active_of"](purpose=purpose.value, owner=owner))
        key_id: int | None = rows[0][0]
        return key_id

    async def newest_active_key(self, purpose: Purpose, owner: str) -> WrappedKey | None:
        """Return the newest active key of one purpose and owner, or None."""
        rows = await self._engine.read(SQL["newest_active_key"](purpose=purpose.value, owner=owner))
        return wrapped_key(rows[0]) if rows else None

    async def oldest_active(self, purpose: Purpose, first: int) -> tuple[int, int] | None:
        """Return id and time of creation of a purpose's oldest active key, from the id `first` on, or None."""
        rows = await self._engine.read(SQL["oldest_active"](purpose=purpose.value, first=first))
        return (rows[0][0], rows[0][1]) if rows else None

    async def by_id(self, key_id: int) -> WrappedKey | None:
        """Return one key, or None."""
        rows = await self._engine.read(SQL["key_by_id"](key_id=key_id))
        return wrapped_key(rows[0]) if rows else None

    async def all(self) -> list[WrappedKey]:
        """Return every key, oldest first."""
        return [wrapped_key(row) for row in await self._engine.read(SQL["all_keys"]())]

    async def page(self, after: int) -> list[Row]:
        """Return up to five hundred rows of keys with larger ids, oldest first, as they are."""
        return await self._engine.read(SQL["keys_after"](after=after, limit=_PAGE))

    async def changes(self) -> int:
        """Return how often keys were added, retired or destroyed so far."""
        rows = await self._engine.read(SQL["read_changes"]())
        changes: int = rows[0][0] if rows else 0
        return changes

    async def changed_after(self, seen: int) -> list[KeyChange]:
        """Return the keys that changed since there were `seen` changes, as they are now."""
        rows = await self._engine.read(SQL["changed_after"](seen=seen))
        return [KeyChange(key_id, Purpose(purpose), owner, KeyState(state)) for key_id, purpose, owner, state in rows]

    async def vault_id(self) -> str | None:
        """Return the id of the vault that this database belongs to, or None when it was never initialised."""
        rows = await self._engine.read(SQL["read_vault_id"]())
        return rows[0][0] if rows else None


def initialise(vault_id: str, keys: Sequence[NewKey], created_at: int) -> Work[str]:
    """Name a new database and add its first keys; return its name, which is another when another process was first."""
    while (known := (yield from vault_id_of())) is None:
        if (yield SQL["insert_vault_id"](vault_id=vault_id, created_at=created_at)):
            yield from add_keys(keys)
    return known


def add_keys(keys: Sequence[NewKey]) -> Work[None]:
    """Add keys under the next free ids, in their order."""
    changed = yield from lock_keys()
    first_id = (yield SQL["next_key_id"]())[0][0]
    for key_id, key in enumerate(keys, first_id):
        yield SQL["insert_key"](
            key_id=key_id,
            purpose=key.purpose.value,
            owner=key.owner,
            version=key.version,
            state=KeyState.ACTIVE.value,
            check_value=key.check_value,
            epoch=key.epoch,
            wrapped=key.wrapped,
            created_at=key.created_at,
            changed=changed,
        )


def lock_keys() -> Work[int]:
    """Lock the keys against changes by other transactions until this one ends; return the number of its change."""
    changed: int = (yield SQL["next_change"]())[0][0]
    return changed


def keys_of(purpose: Purpose, owner: str) -> Work[list[WrappedKey]]:
    """Return the keys of one purpose and owner, newest version first, inside a transaction."""
    rows = yield SQL["keys_of"](purpose=purpose.value, owner=owner)
    return [wrapped_key(row) for row in rows]


def key_of(key_id: int) -> Work[WrappedKey]:
    """Return one key that is known to exist, inside a transaction."""
    rows = yield SQL["key_by_id"](key_id=key_id)
    return wrapped_key(rows[0])


def retire(key_id: int) -> Work[None]:
    """Let an active key only open from now on."""
    changed = yield from lock_keys()
    yield SQL["retire_key"](key_id=key_id, changed=changed)


def destroy(key: WrappedKey) -> Work[None]:
    """Overwrite a key's material; what it sealed can never be opened again."""
    changed = yield from lock_keys()
    yield SQL["destroy_key"](key_id=key.key_id, nothing=bytes(len(key.wrapped)), changed=changed)


def name_again(vault_id: str, created_at: int, key_changes: int) -> Work[None]:
    """Name a restored database: from now on it can be served."""
    yield SQL["insert_name"](vault_id=vault_id, created_at=created_at, key_changes=key_changes)


def vault_id_of() -> Work[str | None]:
    """Return the id of the vault that this database belongs to, inside a transaction."""
    rows = yield SQL["read_vault_id"]()
    return rows[0][0] if rows else None


def wrapped_key(row: Row) -> WrappedKey:
    """Return a row of the key table as a key."""
    key_id, purpose, owner, version, state, *rest = row
    return WrappedKey(key_id, Purpose(purpose), owner, version, KeyState(state), *rest)
