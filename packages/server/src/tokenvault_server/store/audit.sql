-- next_sequence --
-- Take the next position of a chain, and lock the chain until the transaction ends.
INSERT INTO audit_heads (merchant_id, sequence, hash) VALUES (:merchant_id, 1, :genesis)
ON CONFLICT (merchant_id) DO UPDATE SET sequence = audit_heads.sequence + 1
RETURNING sequence, hash;

-- lock_head --
-- Lock a chain until the transaction ends, without an entry yet.
UPDATE audit_heads SET sequence = sequence WHERE merchant_id = :merchant_id;

-- insert_entry --
-- The entry's bytes, exactly as they were hashed.
INSERT INTO audit_entries (merchant_id, sequence, entry, hash) VALUES (:merchant_id, :sequence, :entry, :hash);

-- move_head --
-- Store the hash of the chain's last entry.
UPDATE audit_heads SET hash = :hash WHERE merchant_id = :merchant_id;

-- read_chain --
-- A page of a chain, for verification.
SELECT sequence, entry, hash FROM audit_entries
WHERE merchant_id = :merchant_id AND sequence > :after ORDER BY sequence LIMIT :limit;

-- read_hash --
-- The hash at a position, to compare it with the one that a checkpoint signed.
SELECT hash FROM audit_entries WHERE merchant_id = :merchant_id AND sequence = :sequence;

-- list_heads --
-- A page of the chains that have a head.
SELECT merchant_id FROM audit_heads WHERE merchant_id >= :first ORDER BY merchant_id LIMIT :limit; -- unscoped: verification reads every chain

-- list_chains --
-- A page of the chains that have entries. It jumps from chain to chain by the primary key and skips the entries between,
-- of which a vault has more than of anything else.
SELECT merchant_id FROM (
    WITH RECURSIVE chain (merchant_id) AS (
        SELECT MIN(merchant_id) FROM audit_entries WHERE merchant_id >= :first
        UNION ALL
        SELECT (SELECT MIN(entry.merchant_id) FROM audit_entries AS entry WHERE entry.merchant_id > chain.merchant_id)
        FROM chain WHERE chain.merchant_id IS NOT NULL
    )
    SELECT merchant_id FROM chain WHERE merchant_id IS NOT NULL LIMIT :limit
) AS chains; -- unscoped: verification reads every chain

-- read_head --
-- The head of a chain.
SELECT merchant_id, sequence, hash FROM audit_heads WHERE merchant_id = :merchant_id;

-- read_heads --
-- A page of the heads. A checkpoint compares every head with those that are signed.
SELECT merchant_id, sequence, hash FROM audit_heads WHERE merchant_id >= :first ORDER BY merchant_id LIMIT :limit; -- unscoped: a checkpoint covers every chain

-- last_checkpoint --
-- The newest checkpoint, whose hash the next one holds.
SELECT number, body, hash, key_id, signature FROM audit_checkpoints ORDER BY number DESC LIMIT 1; -- unscoped: checkpoints are the vault's

-- insert_checkpoint --
-- A signed statement of the heads of chains. Of two processes that insert the same number, one succeeds.
INSERT INTO audit_checkpoints (number, body, hash, key_id, signature) VALUES (:number, :body, :hash, :key_id, :signature)
ON CONFLICT (number) DO NOTHING RETURNING number; -- unscoped: checkpoints are the vault's

-- earlier_checkpoint --
-- The checkpoint before a number, to learn from the newest ones what is signed.
SELECT number, body, hash, key_id, signature FROM audit_checkpoints WHERE number < :before ORDER BY number DESC LIMIT 1; -- unscoped: checkpoints are the vault's

-- checkpoint_hash --
-- The hash of a checkpoint, to compare it with the anchor.
SELECT hash FROM audit_checkpoints WHERE number = :number; -- unscoped: checkpoints are the vault's

-- read_checkpoints --
-- A page of checkpoints, for verification.
SELECT number, body, hash, key_id, signature FROM audit_checkpoints WHERE number > :after ORDER BY number LIMIT :limit; -- unscoped: checkpoints are the vault's
