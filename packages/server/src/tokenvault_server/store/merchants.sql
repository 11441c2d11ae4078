-- insert_merchant --
-- A business whose customers save cards.
INSERT INTO merchants (merchant_id, name, client_id, created_at) VALUES (:merchant_id, :name, :client_id, :created_at);

-- list_merchants --
-- For operators.
SELECT merchant_id, name, client_id, created_at FROM merchants ORDER BY created_at, merchant_id; -- unscoped: operators see all

-- load_merchant --
-- One merchant by its id.
SELECT merchant_id, name, client_id, created_at FROM merchants WHERE merchant_id = :merchant_id;

-- load_merchant_of_client --
-- Authentication begins with a client id and ends with a merchant.
SELECT merchant_id, name, client_id, created_at FROM merchants WHERE client_id = :client_id; -- unscoped: it finds the merchant
