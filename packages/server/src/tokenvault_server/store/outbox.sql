-- insert_outbox --
-- Written in the transaction that made it true; a worker delivers it, at least once.
INSERT INTO outbox (merchant_id, outbox_id, topic, token_index, sealed, created_at, due_at)
VALUES (:merchant_id, :outbox_id, :topic, :token_index, :sealed, :now, :now);

-- due_outbox --
-- What a worker should try now, oldest first.
SELECT merchant_id, outbox_id, topic, token_index, sealed, attempts FROM outbox
WHERE due_at <= :now ORDER BY due_at LIMIT :limit; -- unscoped: the worker serves every merchant

-- postpone_outbox --
-- It failed: try again later.
UPDATE outbox SET attempts = attempts + 1, due_at = :due_at
WHERE merchant_id = :merchant_id AND outbox_id = :outbox_id;

-- delete_outbox --
-- Delivered.
DELETE FROM outbox WHERE merchant_id = :merchant_id AND outbox_id = :outbox_id;
