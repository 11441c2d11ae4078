-- insert_merchant_secret --
-- Calls are verified by the digest. The secret is also stored sealed, because webhooks are signed with it.
INSERT INTO merchant_secrets (merchant_id, secret_id, digest, sealed, created_at)
VALUES (:merchant_id, :secret_id, :digest, :sealed, :created_at);

-- list_merchant_secrets --
-- For operators: oldest first, including those that have ended.
SELECT secret_id, digest, created_at, expires_at, revoked_at, last_used_at, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = :chain AND row_tags.kind = 'merchant_secret'
        AND row_tags.row_id = merchant_secrets.secret_id
) FROM merchant_secrets
WHERE merchant_id = :merchant_id ORDER BY created_at, secret_id;

-- end_merchant_secret --
-- A secret ends, at once or at a later moment.
UPDATE merchant_secrets SET expires_at = :expires_at, revoked_at = :revoked_at
WHERE merchant_id = :merchant_id AND secret_id = :secret_id;

-- use_merchant_secret --
-- When a secret was last used, to the minute. A process that writes late does not overwrite a newer time.
UPDATE merchant_secrets SET last_used_at = :at
WHERE merchant_id = :merchant_id AND secret_id = :secret_id AND (last_used_at IS NULL OR last_used_at < :at);

-- insert_partner_key --
-- A partner's API key, stored like a merchant's secret.
INSERT INTO partner_keys (partner_id, secret_id, digest, sealed, created_at)
VALUES (:partner_id, :secret_id, :digest, :sealed, :created_at); -- unscoped: a partner belongs to no merchant

-- list_partner_keys --
-- For operators: oldest first, including those that have ended.
SELECT secret_id, digest, created_at, expires_at, revoked_at, last_used_at, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = :chain AND row_tags.kind = 'partner_key' AND row_tags.row_id = partner_keys.secret_id
) FROM partner_keys
WHERE partner_id = :partner_id ORDER BY created_at, secret_id; -- unscoped: a partner belongs to no merchant

-- all_partner_keys --
-- The keys of all partners, for verification.
SELECT partner_id, secret_id, digest, created_at, expires_at, revoked_at, last_used_at, (
    SELECT tag FROM row_tags
    WHERE row_tags.merchant_id = :chain AND row_tags.kind = 'partner_key' AND row_tags.row_id = partner_keys.secret_id
) FROM partner_keys ORDER BY partner_id, secret_id; -- unscoped: a partner belongs to no merchant

-- end_partner_key --
-- A key ends, at once or at a later moment.
UPDATE partner_keys SET expires_at = :expires_at, revoked_at = :revoked_at
WHERE partner_id = :partner_id AND secret_id = :secret_id; -- unscoped: a partner belongs to no merchant

-- use_partner_key --
-- When a key was last used, to the minute. A process that writes late does not overwrite a newer time.
UPDATE partner_keys SET last_used_at = :at
WHERE partner_id = :partner_id AND secret_id = :secret_id AND (last_used_at IS NULL OR last_used_at < :at); -- unscoped: a partner belongs to no merchant

-- use_signature_key --
-- When a signature key was last used, to the minute. A process that writes late does not overwrite a newer time.
INSERT INTO signature_key_uses (merchant_id, secret_id, last_used_at) VALUES (:merchant_id, :secret_id, :at)
ON CONFLICT (merchant_id, secret_id) DO UPDATE SET last_used_at = :at WHERE signature_key_uses.last_used_at < :at;

-- signature_key_uses --
-- For operators, shown beside the keys.
SELECT secret_id, last_used_at FROM signature_key_uses WHERE merchant_id = :merchant_id;

-- find_merchant_secret --
-- For the emulator, which tells its developer why a call was refused: whose secret this is or was.
SELECT merchant_id, expires_at, revoked_at FROM merchant_secrets WHERE digest = :digest; -- unscoped: it finds the merchant

-- find_partner_key --
-- The same for a partner's key.
SELECT partner_id, expires_at, revoked_at FROM partner_keys WHERE digest = :digest; -- unscoped: a partner belongs to no merchant
