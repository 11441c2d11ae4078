-- insert_partner --
-- A platform that acts for merchants.
INSERT INTO partners (partner_id, name, created_at) VALUES (:partner_id, :name, :created_at); -- unscoped: a partner belongs to no merchant

-- list_partners --
-- For operators: all partners, oldest first.
SELECT partner_id, name, created_at FROM partners ORDER BY created_at, partner_id; -- unscoped: a partner belongs to no merchant

-- load_partner --
-- One partner by its id.
SELECT partner_id, name, created_at FROM partners WHERE partner_id = :partner_id; -- unscoped: a partner belongs to no merchant

-- list_links --
-- Which merchants each partner may act for.
SELECT partner_id, merchant_id FROM partner_links ORDER BY created_at, merchant_id; -- unscoped: operators see all

-- link_partner --
-- Let a partner act for a merchant. The returned row shows that it could not before.
INSERT INTO partner_links (merchant_id, partner_id, created_at) VALUES (:merchant_id, :partner_id, :created_at)
ON CONFLICT (merchant_id, partner_id) DO NOTHING RETURNING partner_id;

-- unlink_partner --
-- Stop a partner from acting for a merchant. The returned row shows that it could before.
DELETE FROM partner_links WHERE merchant_id = :merchant_id AND partner_id = :partner_id RETURNING partner_id;

-- is_linked --
-- Whether the partner may act for the merchant.
SELECT 1 FROM partner_links WHERE merchant_id = :merchant_id AND partner_id = :partner_id;

-- acting_for_merchant --
-- The partner whose live key this is, if it is linked to the merchant.
SELECT k.partner_id, k.secret_id, l.merchant_id FROM partner_keys k JOIN partner_links l ON l.partner_id = k.partner_id
WHERE l.merchant_id = :merchant_id AND k.digest = :digest
    AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > :now);

-- acting_for_client --
-- The same for the merchant that has a client id. An unknown client id takes the same path.
SELECT k.partner_id, k.secret_id, l.merchant_id FROM partner_keys k JOIN partner_links l ON l.partner_id = k.partner_id
WHERE l.merchant_id = COALESCE((SELECT merchant_id FROM merchants WHERE client_id = :client_id), '')
    AND k.digest = :digest
    AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > :now); -- unscoped: it finds the merchant
