-- set_limit --
-- From now on the merchant may call the operation so often.
INSERT INTO rate_limits (merchant_id, operation, per_minute) VALUES (:merchant_id, :operation, :per_minute)
ON CONFLICT (merchant_id, operation) DO UPDATE SET per_minute = excluded.per_minute;

-- clear_limit --
-- From now on the vault's own limit counts again.
DELETE FROM rate_limits WHERE merchant_id = :merchant_id AND operation = :operation;

-- limits_of_merchant --
-- What a merchant may do more, or less often than others.
SELECT operation, per_minute FROM rate_limits WHERE merchant_id = :merchant_id ORDER BY operation;

-- list_limits --
-- For operators.
SELECT merchant_id, operation, per_minute FROM rate_limits ORDER BY merchant_id, operation; -- unscoped: operators see all
