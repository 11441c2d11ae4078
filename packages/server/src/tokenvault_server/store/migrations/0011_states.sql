-- Whether a merchant or a partner may call the API. `state_at` is when that last changed; NULL if it never did.
ALTER TABLE merchants ADD COLUMN state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'removed'));
ALTER TABLE merchants ADD COLUMN state_at BIGINT;
ALTER TABLE partners ADD COLUMN state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'removed'));
ALTER TABLE partners ADD COLUMN state_at BIGINT;
