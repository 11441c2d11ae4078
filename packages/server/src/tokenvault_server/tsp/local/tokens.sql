-- read_trid --
-- The id under which a merchant asks a network for tokens.
SELECT trid FROM requestors WHERE merchant_index = :merchant_index AND network = :network;

-- insert_trid --
-- Loses quietly to whoever was first, and to another merchant who already has this number.
INSERT INTO requestors (merchant_index, network, trid) VALUES (:merchant_index, :network, :trid) ON CONFLICT DO NOTHING;

-- living_token --
-- The token that a card, merchant and customer already have, if it can still be used.
SELECT token_reference, status, network, trid, last4, psn, atc, token_expires_at, row_version, sealed
FROM tokens WHERE card_index = :card_index AND status IN ('ACTIVE', 'SUSPENDED') AND token_expires_at > :now;

-- token_by_reference --
-- One token, whatever became of it.
SELECT token_reference, status, network, trid, last4, psn, atc, token_expires_at, row_version, sealed
FROM tokens WHERE token_reference = :token_reference;

-- token_by_index --
-- The token that a cryptogram is presented with.
SELECT token_reference, status, network, trid, last4, psn, atc, token_expires_at, row_version, sealed
FROM tokens WHERE token_index = :token_index;

-- expire_token --
-- A token that ran out makes room for its successor.
UPDATE tokens SET status = 'EXPIRED', changed_at = :now
WHERE card_index = :card_index AND status IN ('ACTIVE', 'SUSPENDED') AND token_expires_at <= :now;

-- insert_token --
-- Gives no row when the card got a token meanwhile, or when the token's number is taken: look again, then try another.
INSERT INTO tokens (
    token_reference, status, network, trid, last4, psn, atc, token_expires_at, created_at, changed_at, row_version,
    token_index, card_index, sealed
) VALUES (
    :token_reference, 'ACTIVE', :network, :trid, :last4, 0, 0, :token_expires_at, :now, :now, 1,
    :token_index, :card_index, :sealed
) ON CONFLICT DO NOTHING RETURNING token_reference;

-- reseal_token --
-- Replaces a sealed record, unless somebody else did first.
UPDATE tokens SET sealed = :sealed, row_version = row_version + 1, changed_at = :now
WHERE token_reference = :token_reference AND row_version = :row_version AND sealed IS NOT NULL
RETURNING token_reference;

-- spend --
-- Takes the next counter value of an active token, and brings all that a cryptogram is made of. No value is given twice.
UPDATE tokens SET
    psn = CASE WHEN atc = 65535 THEN psn + 1 ELSE psn END,
    atc = CASE WHEN atc = 65535 THEN 1 ELSE atc + 1 END
WHERE token_reference = :token_reference AND status = 'ACTIVE' AND token_expires_at > :now AND (atc < 65535 OR psn < 99)
RETURNING token_reference, status, network, trid, last4, psn, atc, token_expires_at, row_version, sealed;

-- bind_amount --
-- Remembers the sum of a cryptogram, so that a wrong sum can be told from a forgery.
INSERT INTO bound_amounts (token_reference, psn, atc, minor_units, currency, issued_at)
VALUES (:token_reference, :psn, :atc, :minor_units, :currency, :now);

-- read_amount --
-- The sum that a cryptogram was made for.
SELECT minor_units, currency FROM bound_amounts WHERE token_reference = :token_reference AND psn = :psn AND atc = :atc;

-- change_status --
-- Suspends or resumes a token that lives.
UPDATE tokens SET status = :status, changed_at = :now
WHERE token_reference = :token_reference AND status IN ('ACTIVE', 'SUSPENDED') AND token_expires_at > :now
RETURNING token_reference;

-- delete_token --
-- Forgets the card. The number stays taken, so that it never stands for another card.
UPDATE tokens SET status = 'DELETED', sealed = NULL, card_index = NULL, changed_at = :now
WHERE token_reference = :token_reference AND status <> 'DELETED';

-- present --
-- Gives a row the first time a cryptogram is presented, and none ever after.
INSERT INTO presented (token_reference, key_index, psn, atc, presented_at)
VALUES (:token_reference, :key_index, :psn, :atc, :now) ON CONFLICT DO NOTHING RETURNING atc;

-- sweep_presented --
-- Forgets what has expired anyway.
DELETE FROM presented WHERE (token_reference, key_index, psn, atc) IN (
    SELECT token_reference, key_index, psn, atc FROM presented
    WHERE presented_at < :before ORDER BY presented_at LIMIT :limit
)
RETURNING atc;

-- sweep_amounts --
-- Forgets what has expired anyway.
DELETE FROM bound_amounts WHERE (token_reference, psn, atc) IN (
    SELECT token_reference, psn, atc FROM bound_amounts WHERE issued_at < :before ORDER BY issued_at LIMIT :limit
)
RETURNING atc;

-- insert_enrolment --
-- What an enrolment came to, told once: a token that was made, or NULL when it was given up. Whoever is second is told so.
INSERT INTO enrolments (enrolment_id, token_reference, noted_at) VALUES (:enrolment_id, :token_reference, :now)
ON CONFLICT DO NOTHING RETURNING enrolment_id;

-- token_of_enrolment --
-- The token that was made for an enrolment.
SELECT token_reference FROM enrolments WHERE enrolment_id = :enrolment_id;

-- sweep_enrolments --
-- Forgets what nobody will ask for any more.
DELETE FROM enrolments WHERE enrolment_id IN (
    SELECT enrolment_id FROM enrolments WHERE noted_at < :before ORDER BY noted_at LIMIT :limit
)
RETURNING enrolment_id;
