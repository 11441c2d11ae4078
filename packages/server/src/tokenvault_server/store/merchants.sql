-- insert_merchant --
-- A business whose customers save cards.
INSERT INTO merchants (merchant_id, name, client_id, created_at) VALUES (:merchant_id, :name, :client_id, :created_at);

-- list_merchants --
-- For operators: all merchants, oldest first.
SELECT merchant_id, name, client_id, created_at, state, state_at, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = merchants.merchant_id AND row_tags.kind = 'merchant'
        AND row_tags.row_id = merchants.merchant_id
) FROM merchants ORDER BY created_at, merchant_id; -- unscoped: operators see all

-- load_merchant --
-- One merchant by its id.
SELECT merchant_id, name, client_id, created_at, state, state_at, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = merchants.merchant_id AND row_tags.kind = 'merchant'
        AND row_tags.row_id = merchants.merchant_id
) FROM merchants WHERE merchant_id = :merchant_id;

-- id_of_merchant --
-- Whether a merchant exists and was not removed. It returns one row in both cases, so that a known and an unknown id
-- take equally long.
SELECT m.merchant_id FROM (SELECT 1) AS always
    LEFT JOIN merchants m ON m.merchant_id = :merchant_id AND m.state <> 'removed'; -- unscoped: it finds the merchant

-- merchant_of_client --
-- The merchant that has a client id; one that was removed is unknown. For an unknown client id it returns a stand-in
-- merchant, so that as much is read.
SELECT m.merchant_id, m.name, m.client_id, m.created_at, m.state, m.state_at, t.tag FROM (SELECT 1) AS always
    LEFT JOIN merchants m ON m.merchant_id = COALESCE(
        (SELECT merchant_id FROM merchants WHERE client_id = :client_id AND state <> 'removed'), :stand_in
    )
    LEFT JOIN row_tags t ON t.merchant_id = m.merchant_id AND t.kind = 'merchant' AND t.row_id = m.merchant_id; -- unscoped: it finds the merchant

-- secrets_of_client --
-- Authentication: the merchant that has a client id, and its live secrets. For an unknown client id, or that of a
-- removed merchant, it returns a stand-in merchant and its secrets, so that as many rows are read and compared.
SELECT m.merchant_id, m.name, m.client_id, m.created_at, m.state, m.state_at, t.tag, s.merchant_id, s.secret_id, s.digest,
    s.created_at, s.expires_at, s.revoked_at, s.last_used_at, u.tag
FROM (SELECT 1) AS always
    LEFT JOIN merchants m ON m.merchant_id = COALESCE(
        (SELECT merchant_id FROM merchants WHERE client_id = :client_id AND state <> 'removed'), :stand_in
    )
    LEFT JOIN row_tags t ON t.merchant_id = m.merchant_id AND t.kind = 'merchant' AND t.row_id = m.merchant_id
    LEFT JOIN merchant_secrets s ON s.merchant_id = m.merchant_id
        AND s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > :now)
    LEFT JOIN row_tags u ON u.merchant_id = s.merchant_id AND u.kind = 'merchant_secret'
        AND u.row_id = s.secret_id; -- unscoped: it finds the merchant

-- set_merchant_state --
-- No row is returned when the state has changed since it was read.
UPDATE merchants SET state = :state, state_at = :state_at
WHERE merchant_id = :merchant_id AND state = :before RETURNING merchant_id;
