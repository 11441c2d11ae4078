-- insert_partner --
-- A platform that acts for merchants.
INSERT INTO partners (partner_id, name, created_at) VALUES (:partner_id, :name, :created_at); -- unscoped: a partner belongs to no merchant

-- list_partners --
-- For operators: all partners, oldest first.
SELECT partner_id, name, created_at, state, state_at, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = :chain AND row_tags.kind = 'partner' AND row_tags.row_id = partners.partner_id
) FROM partners ORDER BY created_at, partner_id; -- unscoped: a partner belongs to no merchant

-- load_partner --
-- One partner by its id.
SELECT partner_id, name, created_at, state, state_at, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = :chain AND row_tags.kind = 'partner' AND row_tags.row_id = partners.partner_id
) FROM partners WHERE partner_id = :partner_id; -- unscoped: a partner belongs to no merchant

-- partner_state --
-- Whether a partner has this id, and its state.
SELECT state FROM partners WHERE partner_id = :partner_id; -- unscoped: a partner belongs to no merchant

-- list_links --
-- Which merchants each partner may act for.
SELECT merchant_id, partner_id, created_at, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = partner_links.merchant_id AND row_tags.kind = 'partner_link'
        AND row_tags.row_id = partner_links.partner_id
) FROM partner_links ORDER BY created_at, merchant_id; -- unscoped: operators see all

-- links_of_merchant --
-- The partners that may act for a merchant, for verification.
SELECT merchant_id, partner_id, created_at, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = partner_links.merchant_id AND row_tags.kind = 'partner_link'
        AND row_tags.row_id = partner_links.partner_id
) FROM partner_links WHERE merchant_id = :merchant_id ORDER BY partner_id;

-- link_partner --
-- Let a partner act for a merchant. The returned row shows that it could not before.
INSERT INTO partner_links (merchant_id, partner_id, created_at) VALUES (:merchant_id, :partner_id, :created_at)
ON CONFLICT (merchant_id, partner_id) DO NOTHING RETURNING partner_id;

-- unlink_partner --
-- Stop a partner from acting for a merchant. The returned row shows that it could before.
DELETE FROM partner_links WHERE merchant_id = :merchant_id AND partner_id = :partner_id RETURNING partner_id;

-- load_link --
-- Whether the partner may act for the merchant.
SELECT merchant_id, partner_id, created_at, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = partner_links.merchant_id AND row_tags.kind = 'partner_link'
        AND row_tags.row_id = partner_links.partner_id
) FROM partner_links WHERE merchant_id = :merchant_id AND partner_id = :partner_id;

-- acting_for_merchant --
-- The partner whose live key this is, if it is linked to the merchant.
SELECT k.partner_id, k.secret_id, k.digest, k.created_at, k.expires_at, k.revoked_at, k.last_used_at, kt.tag,
    l.merchant_id, l.partner_id, l.created_at, lt.tag,
    p.partner_id, p.name, p.created_at, p.state, p.state_at, pt.tag,
    m.merchant_id, m.name, m.client_id, m.created_at, m.state, m.state_at, mt.tag
FROM partner_keys k JOIN partner_links l ON l.partner_id = k.partner_id
    JOIN partners p ON p.partner_id = k.partner_id
    JOIN merchants m ON m.merchant_id = l.merchant_id
    LEFT JOIN row_tags kt ON kt.merchant_id = :chain AND kt.kind = 'partner_key' AND kt.row_id = k.secret_id
    LEFT JOIN row_tags lt ON lt.merchant_id = l.merchant_id AND lt.kind = 'partner_link' AND lt.row_id = l.partner_id
    LEFT JOIN row_tags pt ON pt.merchant_id = :chain AND pt.kind = 'partner' AND pt.row_id = p.partner_id
    LEFT JOIN row_tags mt ON mt.merchant_id = m.merchant_id AND mt.kind = 'merchant' AND mt.row_id = m.merchant_id
WHERE l.merchant_id = :merchant_id AND k.digest = :digest
    AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > :now);

-- acting_for_client --
-- The same for the merchant that has a client id. An unknown client id takes the same path.
SELECT k.partner_id, k.secret_id, k.digest, k.created_at, k.expires_at, k.revoked_at, k.last_used_at, kt.tag,
    l.merchant_id, l.partner_id, l.created_at, lt.tag,
    p.partner_id, p.name, p.created_at, p.state, p.state_at, pt.tag,
    m.merchant_id, m.name, m.client_id, m.created_at, m.state, m.state_at, mt.tag
FROM partner_keys k JOIN partner_links l ON l.partner_id = k.partner_id
    JOIN partners p ON p.partner_id = k.partner_id
    JOIN merchants m ON m.merchant_id = l.merchant_id
    LEFT JOIN row_tags kt ON kt.merchant_id = :chain AND kt.kind = 'partner_key' AND kt.row_id = k.secret_id
    LEFT JOIN row_tags lt ON lt.merchant_id = l.merchant_id AND lt.kind = 'partner_link' AND lt.row_id = l.partner_id
    LEFT JOIN row_tags pt ON pt.merchant_id = :chain AND pt.kind = 'partner' AND pt.row_id = p.partner_id
    LEFT JOIN row_tags mt ON mt.merchant_id = m.merchant_id AND mt.kind = 'merchant' AND mt.row_id = m.merchant_id
WHERE l.merchant_id = COALESCE((SELECT merchant_id FROM merchants WHERE client_id = :client_id), '')
    AND k.digest = :digest
    AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > :now); -- unscoped: it finds the merchant

-- set_partner_state --
-- No row is returned when the state has changed since it was read.
UPDATE partners SET state = :state, state_at = :state_at
WHERE partner_id = :partner_id AND state = :before RETURNING partner_id; -- unscoped: a partner belongs to no merchant

-- links_of_partner --
-- The merchants that a partner may act for, when it is shown or removed.
SELECT merchant_id, partner_id, created_at, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = partner_links.merchant_id AND row_tags.kind = 'partner_link'
        AND row_tags.row_id = partner_links.partner_id
) FROM partner_links WHERE partner_id = :partner_id ORDER BY merchant_id; -- unscoped: it finds the merchants
