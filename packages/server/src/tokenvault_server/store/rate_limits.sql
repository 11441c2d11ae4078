-- set_limit --
-- Set a merchant's own limit for an operation.
INSERT INTO rate_limits (merchant_id, operation, per_minute) VALUES (:merchant_id, :operation, :per_minute)
ON CONFLICT (merchant_id, operation) DO UPDATE SET per_minute = excluded.per_minute;

-- clear_limit --
-- The vault's own limit applies again.
DELETE FROM rate_limits WHERE merchant_id = :merchant_id AND operation = :operation;

-- limits_of_merchant --
-- A merchant's own limits.
SELECT merchant_id, operation, per_minute, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = rate_limits.merchant_id AND row_tags.kind = 'rate_limit'
        AND row_tags.row_id = rate_limits.operation
) FROM rate_limits WHERE merchant_id = :merchant_id ORDER BY operation;

-- list_limits --
-- For operators: every merchant's own limits.
SELECT merchant_id, operation, per_minute, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = rate_limits.merchant_id AND row_tags.kind = 'rate_limit'
        AND row_tags.row_id = rate_limits.operation
) FROM rate_limits ORDER BY merchant_id, operation; -- unscoped: operators see all
