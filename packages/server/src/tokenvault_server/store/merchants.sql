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

-- insert_secret --
-- Verified by its digest; sealed as well, because webhooks are signed with it.
INSERT INTO merchant_secrets (merchant_id, secret_id, digest, sealed, created_at)
VALUES (:merchant_id, :secret_id, :digest, :sealed, :created_at);

-- live_secret_digests --
-- The secrets that a merchant may sign in with at this moment.
SELECT digest FROM merchant_secrets
WHERE merchant_id = :merchant_id AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
ORDER BY created_at;

-- insert_partner --
-- A platform that acts for merchants.
INSERT INTO partners (partner_id, name, created_at) VALUES (:partner_id, :name, :created_at); -- unscoped: a partner belongs to no merchant

-- insert_partner_key --
-- A partner's API key, kept like a merchant's secret.
INSERT INTO partner_keys (partner_id, secret_id, digest, sealed, created_at)
VALUES (:partner_id, :secret_id, :digest, :sealed, :created_at); -- unscoped: a partner belongs to no merchant

-- link_partner --
-- From now on the partner may act for the merchant.
INSERT INTO partner_links (merchant_id, partner_id, created_at) VALUES (:merchant_id, :partner_id, :created_at)
ON CONFLICT (merchant_id, partner_id) DO NOTHING;

-- partner_for_merchant --
-- The partner whose live key this is, if it is linked to the merchant.
SELECT k.partner_id FROM partner_keys k JOIN partner_links l ON l.partner_id = k.partner_id
WHERE l.merchant_id = :merchant_id AND k.digest = :digest
    AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > :now);
