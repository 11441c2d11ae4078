-- keys_of --
-- Every key of one purpose and owner, newest version first.
SELECT key_id, purpose, owner, version, state, check_value, epoch, wrapped, created_at
FROM keys WHERE purpose = :purpose AND owner = :owner ORDER BY version DESC;

-- key_by_id --
-- One key, for opening what was sealed under it.
SELECT key_id, purpose, owner, version, state, check_value, epoch, wrapped, created_at FROM keys WHERE key_id = :key_id;

-- newest_active_of --
-- Which key is in use at this moment, in one row either way: an owner that has one takes no longer than one that has none.
SELECT (SELECT key_id FROM keys WHERE purpose = :purpose AND owner = :owner AND state = 'active'
    ORDER BY version DESC LIMIT 1);

-- all_keys --
-- The inventory (PCI DSS 12.3.3), without material that is in the clear.
SELECT key_id, purpose, owner, version, state, check_value, epoch, wrapped, created_at FROM keys ORDER BY key_id;

-- next_key_id --
-- Ids are small and dense: they stand in four bytes at the head of every sealed record.
SELECT COALESCE(MAX(key_id), 0) + 1 FROM keys;

-- next_change --
-- Whoever changes keys counts it first, and holds the count until the transaction ends: changes come one after another.
UPDATE vault SET key_changes = key_changes + 1 RETURNING key_changes;

-- read_changes --
-- How much has happened so far: what every process looks at all the time.
SELECT key_changes FROM vault;

-- changed_after --
-- What happened since a process looked last.
SELECT key_id, purpose, owner, state FROM keys WHERE changed > :seen ORDER BY changed, key_id;

-- insert_key --
-- A key is only ever added; what changes later is its state and its wrapping.
INSERT INTO keys (key_id, purpose, owner, version, state, check_value, epoch, wrapped, created_at, changed)
VALUES (:key_id, :purpose, :owner, :version, :state, :check_value, :epoch, :wrapped, :created_at, :changed);

-- retire_key --
-- From now on the key opens and seals no more.
UPDATE keys SET state = 'decrypt_only', changed = :changed WHERE key_id = :key_id AND state = 'active';

-- destroy_key --
-- The row stays for the inventory; its material is overwritten.
UPDATE keys SET state = 'destroyed', wrapped = :nothing, changed = :changed WHERE key_id = :key_id;

-- read_vault_id --
-- Which vault this database belongs to.
SELECT vault_id FROM vault;

-- insert_vault_id --
-- Written once, at initialisation; of two that found a vault at the same time one is told nothing.
INSERT INTO vault (only_row, vault_id, created_at) VALUES (1, :vault_id, :created_at)
ON CONFLICT (only_row) DO NOTHING RETURNING vault_id;
