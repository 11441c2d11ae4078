-- keys_of --
-- Every key of one purpose and owner, newest version first.
SELECT key_id, purpose, owner, version, state, check_value, epoch, wrapped, created_at
FROM keys WHERE purpose = :purpose AND owner = :owner ORDER BY version DESC;

-- key_by_id --
-- One key, for opening what was sealed under it.
SELECT key_id, purpose, owner, version, state, check_value, epoch, wrapped, created_at FROM keys WHERE key_id = :key_id;

-- newest_active_of --
-- Which key is in use at this moment, in one row either way: an owner that has one takes no longer than one that has
-- none.
SELECT (SELECT key_id FROM keys WHERE purpose = :purpose AND owner = :owner AND state = 'active'
    ORDER BY version DESC LIMIT 1);

-- newest_active_key --
-- The key in use of an owner, for its age.
SELECT key_id, purpose, owner, version, state, check_value, epoch, wrapped, created_at FROM keys
WHERE purpose = :purpose AND owner = :owner AND state = 'active' ORDER BY version DESC LIMIT 1;

-- oldest_active --
-- The oldest key in use of a purpose that every merchant has a key of, for its age. Ids grow with time, so the first row
-- in their order is the oldest. The caller begins at the last answer, so that retired keys are passed once. The
-- expression keeps planners from reading and sorting all keys of the purpose.
SELECT key_id, created_at FROM keys
WHERE key_id >= :first AND purpose || '' = :purpose AND state = 'active' ORDER BY key_id LIMIT 1;

-- all_keys --
-- The inventory (PCI DSS 12.3.3); all material is wrapped.
SELECT key_id, purpose, owner, version, state, check_value, epoch, wrapped, created_at FROM keys ORDER BY key_id;

-- keys_after --
-- A page of the inventory, for an inspection.
SELECT key_id, purpose, owner, version, state, check_value, epoch, wrapped, created_at FROM keys
WHERE key_id > :after ORDER BY key_id LIMIT :limit;

-- next_key_id --
-- Ids are small and dense: every sealed record begins with one, in four bytes.
SELECT COALESCE(MAX(key_id), 0) + 1 FROM keys;

-- next_change --
-- A transaction that changes keys increments the counter first. Its row lock lasts until the transaction ends, so one
-- transaction at a time changes keys.
UPDATE vault SET key_changes = key_changes + 1 RETURNING key_changes;

-- read_changes --
-- How often keys changed so far: every process reads it every half second.
SELECT key_changes FROM vault;

-- changed_after --
-- Which keys changed since a process looked last.
SELECT key_id, purpose, owner, state FROM keys WHERE changed > :seen ORDER BY changed, key_id;

-- insert_key --
-- A key is only ever added; what changes later is its state and its wrapping.
INSERT INTO keys (key_id, purpose, owner, version, state, check_value, epoch, wrapped, created_at, changed)
VALUES (:key_id, :purpose, :owner, :version, :state, :check_value, :epoch, :wrapped, :created_at, :changed);

-- retire_key --
-- From now on the key opens and does not seal.
UPDATE keys SET state = 'decrypt_only', changed = :changed WHERE key_id = :key_id AND state = 'active';

-- destroy_key --
-- The row stays for the inventory; its material is overwritten.
UPDATE keys SET state = 'destroyed', wrapped = :nothing, changed = :changed WHERE key_id = :key_id;

-- read_vault_id --
-- Which vault this database belongs to.
SELECT vault_id FROM vault;

-- insert_vault_id --
-- Written once, at initialisation; of two processes that do so at the same time the second gets no row.
INSERT INTO vault (only_row, vault_id, created_at) VALUES (1, :vault_id, :created_at)
ON CONFLICT (only_row) DO NOTHING RETURNING vault_id;

-- insert_name --
-- Name a restored database, as its backup says.
INSERT INTO vault (only_row, vault_id, created_at, key_changes) VALUES (1, :vault_id, :created_at, :key_changes);
