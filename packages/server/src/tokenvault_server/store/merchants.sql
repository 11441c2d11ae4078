-- insert_merchant --
-- A business whose customers save cards.
INSERT INTO merchants (merchant_id, name, client_id, created_at) VALUES (:merchant_id, :name, :client_id, :created_at);

-- list_merchants --
-- For operators: all merchants, oldest first.
SELECT merchant_id, name, client_id, created_at FROM merchants ORDER BY created_at, merchant_id; -- unscoped: operators see all

-- load_merchant --
-- One merchant by its id.
SELECT merchant_id, name, client_id, created_at FROM merchants WHERE merchant_id = :merchant_id;

-- id_of_merchant --
-- Whether a merchant exists. It returns one row in both cases, so that a known and an unknown id take equally long.
SELECT m.merchant_id FROM (SELECT 1) AS always
    LEFT JOIN merchants m ON m.merchant_id = :merchant_id; -- unscoped: it finds the merchant

-- id_of_client --
-- The merchant that has a client id. It returns one row in both cases, like id_of_merchant.
SELECT m.merchant_id FROM (SELECT 1) AS always
    LEFT JOIN merchants m ON m.client_id = :client_id; -- unscoped: it finds the merchant

-- secrets_of_client --
-- Authentication: the merchant that has a client id, and its live secrets. For an unknown client id it returns the
-- secrets of a stand-in merchant, so that as many rows are read and compared.
SELECT m.merchant_id, s.secret_id, s.digest FROM (SELECT 1) AS always
    LEFT JOIN merchants m ON m.client_id = :client_id
    LEFT JOIN merchant_secrets s ON s.merchant_id = COALESCE(m.merchant_id, :stand_in)
        AND s.revoked_at IS NULL AND (s.expires_at IS NULL OR s.expires_at > :now); -- unscoped: it finds the merchant
